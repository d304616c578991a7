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

  // The server dies: its connections and open work are gone, what is prepared stays. Until it is
  // started again nothing works, and an operation under way is done but not answered.
  void Crash();
  void Start() { up_ = true; }
  bool up() const { return up_; }

  // Nothing: the one writer of a SQLite-like database is busy, or the connection is lost.
  std::optional<LocalTransaction> Begin(const BranchKey& key, std::int64_t change);
  VoteResult Prepare(const BranchKey& key, LocalTransaction local);
  FinishResult CommitOnePhase(const BranchKey& key, LocalTransaction local);
  Evidence EvidenceOf(LocalTransaction local) const {
    return {identity(), 1, std::to_string(local)};
  }
  void Rollback(LocalTransaction local);  // of open work; nothing for any other
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence);
  FinishResult Prove(const Evidence& evidence) const;
  std::vector<std::string> ScanPrepared() const;

  // Forgets how finished transactions ended, as PostgreSQL does with those that are too old.
  void ForgetHistory();

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
  // False: it died in this operation, which is done but not answered.
  bool Answers(const char* did, const BranchKey& key);
  void Commit(LocalTransaction local, const Work& work);
  FinishResult ByEvidence(const Evidence& evidence, Decision decision) const;

  World& world_;
  const std::string name_;
  const DatabaseKind kind_;
  bool up_ = true;
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
