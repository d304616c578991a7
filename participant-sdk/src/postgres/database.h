// What a PostgresResource and its branches share: the pool, the identity, phase two by key.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "postgres/pool.h"
#include "settle/postgres_resource.h"
#include "settle/vocabulary/branch.h"

namespace settle::postgres {

// Thread-safe; blocking. Dead in a forked child.
class Database {
 public:
  explicit Database(PostgresOptions options);

  const PostgresOptions& options() const { return options_; }
  Result<Lease> Take(Purpose purpose, Freshness freshness = Freshness::kAny);
  // kRefused: it leads to another database than Identify found. Take makes sure of it for work.
  Status CheckIdentity(const Connection& connection) const;

  Result<std::string> Identify();
  std::vector<std::string> warnings() const;
  Examination Examine(const std::string& log_id, std::chrono::milliseconds timeout);
  Result<std::vector<std::string>> ScanPrepared();
  std::optional<Evidence> EvidenceOf(const std::string& name);
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence);
  FinishResult Prove(const BranchKey& key, const Evidence& evidence);
  Result<LiveBranch> Inspect(const BranchKey& key, const Evidence& evidence,
                             std::chrono::milliseconds timeout);

  // What became of a transaction whose backend was lost in the middle of PREPARE or COMMIT. Makes
  // sure that the backend is gone, so that the answer cannot change behind our back, then has
  // `look` find out on another connection. False if that could not be had until then; nothing is
  // known then.
  bool AfterLoss(const ConnectionFacts& lost, Clock::time_point until,
                 const std::function<bool(Connection&)>& look);

  Clock::time_point ReplyDeadline() const { return Clock::now() + options_.reply_timeout; }
  // For what is only worth knowing soon: as long as a connection may take.
  Clock::time_point ShortDeadline() const {
    return Clock::now() + std::min(options_.connect_timeout, options_.reply_timeout);
  }

 private:
  FinishResult FinishOn(Connection& connection, const BranchKey& key, Decision decision,
                        const Evidence& evidence);
  Reply FinishNamed(Connection& connection, const std::string& name, Decision decision);
  // On a connection of the pool; once more on a new one when that was lost.
  FinishResult WithConnection(const std::function<FinishResult(Connection&)>& act);

  const PostgresOptions options_;
  const pid_t process_;
  Pool pool_;
  mutable std::mutex mutex_;
  std::string identity_;  // as Identify found it
  std::vector<std::string> warnings_;
};

// The SQL of phase two, of what is prepared under this name.
Statement FinishStatement(const std::string& name, Decision decision, const Connection& connection);

// SQL that holds for names (`gid`) of a branch whose DatabaseName is $1: that one, or one that it
// has in the name of a last resource.
extern const char* const kIsItsName;

// In a transaction: its COMMIT flushes, as PREPARE TRANSACTION does whatever synchronous_commit
// says.
Statement ForceCommit();

// "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED": nothing else counts as done.
const char* FinishTag(Decision decision);
BranchEnd EndFor(Decision decision);

}  // namespace settle::postgres
