// The records that must stay whatever is pruned: those of transactions that have not ended, the
// newest binding of each resource's name, stored definitions, and what is paused. Kept up to date
// as records are read and appended, so that pruning never has to look for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/records.h"

namespace settle::coordinator {

// What a record is about, as far as the log itself cares.
struct Subject {
  Gtid gtid;         // empty for a record of no transaction
  std::string name;  // of that: the newest record with this name is needed
  // Such as is written while a transaction runs, and not only of damage that is found later.
  bool decides = false;
  bool replaces = false;         // a BallotRecord: the last one of its transaction is needed
  std::optional<Outcome> ended;  // of an EndRecord
};

Subject SubjectOf(const Record& record);

// For one thread at a time.
class NeededRecords {
 public:
  // The record at `position` follows all that were added before.
  void Add(std::uint64_t position, const Subject& subject);
  bool Has(std::uint64_t position, const Subject& subject) const;
  // A record that is needed has a new position, behind all others.
  void Move(std::uint64_t from, std::uint64_t to, const Subject& subject);

  // Its end is followed by damage alone: it is an abort of which a branch was found committed.
  bool IsReopened(const Gtid& gtid) const;
  // Transactions that have a record and no end, the one with the oldest record first.
  std::vector<Gtid> OpenTransactions() const;
  std::size_t size() const { return open_records_ + named_.size(); }

 private:
  struct Open {
    std::vector<std::uint64_t> positions;
    std::optional<std::uint64_t> ballot;  // one of them
    bool decided = false;
  };
  std::unordered_map<Gtid, Open> open_;
  std::size_t open_records_ = 0;
  std::map<std::string, std::uint64_t> named_;
};

}  // namespace settle::coordinator
