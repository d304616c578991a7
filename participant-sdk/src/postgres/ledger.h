// The records of a database's branches as sites, in the table settle_three_phase.
//
// A record is written before its branch is prepared, and not waited for: the flush of PREPARE
// TRANSACTION makes all durable that was written before it. So is the step to kWaiting that
// follows; should a crash take that back, a record that is initial beside a branch that is prepared
// means the same, and every statement here reads it so.
#pragma once

#include <functional>

#include "postgres/database.h"
#include "quorum/record_columns.h"
#include "settle/site_ledger.h"

namespace settle::postgres {

// Thread-safe, blocking. On connections that never wait for open branches.
class Ledger : public SiteLedger {
 public:
  explicit Ledger(Database& database) : database_(database) {}

  Result<std::optional<SiteRecord>> Find(const BranchKey& key) override;
  Result<bool> Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                   const SiteRecord& after, Durability durability) override;
  Status Prune(const EndedThrough& mark) override;

  // Before the branch is prepared. False: there is a record already.
  Result<bool> Begin(const BranchKey& key, const Roster& sites, const Evidence& evidence);
  // Once it is prepared. What the record says then: kWaiting, unless peers were quicker.
  Result<SiteState> Confirm(const BranchKey& key);
  // The branch voted no and is rolled back: whoever asks hears kAborted. Nobody needs to know that
  // it came through: without it the record is initial, from which an election leads to kAborted.
  void Abandon(const BranchKey& key);

 private:
  template <typename Value>
  Result<Value> OnConnection(const std::function<Result<Value>(Connection&)>& act);
  Result<bool> Insert(Connection& connection, const BranchKey& key,
                      const quorum::RecordColumns& columns, Durability durability);
  // Whether a row was found for the last of the statements.
  Result<bool> Change(Connection& connection, const std::vector<Statement>& changes,
                      Durability durability);

  Database& database_;
};

}  // namespace settle::postgres
