// A simulated database that can prepare: PostgreSQL-like (many prepared branches at once) or
// SQLite-like (one writer). It keeps what a real one keeps over every crash of those that use it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "simulation/world.h"

namespace settle::simulation {

enum class DatabaseKind { kPostgresLike, kSqliteLike };

class SimulatedDatabase {
 public:
  using LocalTransaction = std::uint64_t;  // xid8

  SimulatedDatabase(World& world, std::string name, DatabaseKind kind)
      : world_(world), name_(std::move(name)), kind_(kind) {}

  const std::string& name() const { return name_; }
  std::string identity() const { return "simulated:" + name_; }

  // Nothing: the one writer of a SQLite-like database is busy.
  std::optional<LocalTransaction> Begin(const BranchKey& key, std::int64_t change);
  VoteResult Prepare(const BranchKey& key, LocalTransaction local);
  FinishResult CommitOnePhase(const BranchKey& key, LocalTransaction local);
  void Rollback(LocalTransaction local);  // of open work; nothing for any other
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence);
  FinishResult Prove(const Evidence& evidence) const;
  std::vector<std::string> ScanPrepared() const;

  // An operator finishes some prepared branch by hand. Gives its key.
  std::optional<BranchKey> HandleByHand();

  // --- for the checker
  std::int64_t balance() const { return balance_; }
  // What the transactions that it calls committed changed, added up from its own records.
  std::int64_t committed_changes() const;
  bool Wrote(const BranchKey& key) const { return wrote_.contains(key); }
  bool Committed(const BranchKey& key) const;
  int TimesApplied(const BranchKey& key) const;
  std::size_t prepared_count() const { return prepared_.size(); }
  std::size_t open_count() const { return open_.size(); }

 private:
  enum class Status { kInProgress, kCommitted, kAborted };
  struct Work {
    BranchKey key;
    std::int64_t change = 0;
  };
  Evidence EvidenceOf(LocalTransaction local) const {
    return {identity(), 1, std::to_string(local)};
  }
  void Commit(LocalTransaction local, const Work& work);
  FinishResult ByEvidence(const Evidence& evidence, Decision decision) const;

  World& world_;
  const std::string name_;
  const DatabaseKind kind_;
  LocalTransaction next_ = 100;
  std::map<LocalTransaction, Work> open_;
  std::map<BranchKey, LocalTransaction> prepared_;
  std::map<LocalTransaction, Work> prepared_work_;
  std::map<LocalTransaction, Status> status_;
  std::map<BranchKey, int> applied_;
  std::map<BranchKey, std::int64_t> wrote_;  // what each branch was to change, if anything
  std::int64_t balance_ = 0;
};

}  // namespace settle::simulation
