// A simulated database that can prepare: PostgreSQL-like (many prepared branches at once) or
// SQLite-like (one writer). It keeps what a real one keeps over every crash of those that use it. A
// fail-over puts a standby in its place that may have missed the last of what was done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
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

  // From now on its connections lead to a standby that only reads; FailOver promotes it. It missed
  // the last `missed` of what the old primary did.
  void BecomeStandby();
  void FailOver(std::size_t missed);
  bool standby() const { return standby_; }
  bool can_fail_over() const { return kind_ == DatabaseKind::kPostgresLike; }

  // Nothing: the one writer of a SQLite-like database is busy, or the connection is lost.
  std::optional<LocalTransaction> Begin(const BranchKey& key, std::int64_t change);
  // Under the key's own name unless another is given.
  VoteResult Prepare(const BranchKey& key, LocalTransaction local, const std::string& name = {});
  FinishResult CommitOnePhase(const BranchKey& key, LocalTransaction local);
  Evidence EvidenceOf(LocalTransaction local) const {
    return {identity(), timeline_, std::to_string(local)};
  }
  void Rollback(LocalTransaction local);  // of open work; nothing for any other
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence);
  FinishResult Prove(const Evidence& evidence) const;
  // Nothing: the scan failed, perhaps half way.
  std::optional<std::vector<std::string>> ScanPrepared() const;

  std::optional<Evidence> EvidenceOfPrepared(const std::string& name) const;

  // Forgets how finished transactions ended, as PostgreSQL does with those that are too old.
  void ForgetHistory();

  // An operator finishes a prepared branch by hand; the other, some branch, and gives its key.
  void FinishByHand(const BranchKey& key, Decision decision);
  std::optional<BranchKey> HandleByHand();
  // Unanswered if the connection breaks.
  FinishResult FinishOverAConnection(const BranchKey& key, Decision decision,
                                     const Evidence& evidence);

  // Told of every forced write, and of every crash of the server.
  std::function<void()> when_it_flushes;
  std::function<void()> when_it_crashes;
  bool IsPrepared(const BranchKey& key) const { return prepared_.contains(key); }

  // --- for the checker
  std::int64_t balance() const { return balance_; }
  // What the transactions that it calls committed changed, added up from its own records.
  std::int64_t committed_changes() const;
  bool Wrote(const BranchKey& key) const { return wrote_.contains(key); }
  bool Committed(const BranchKey& key) const;
  int TimesApplied(const BranchKey& key) const;
  bool Meddled(const Gtid& gtid) const { return meddled_.contains(gtid); }
  bool LostForGood(const Gtid& gtid) const { return lost_for_good_.contains(gtid); }
  std::uint32_t timeline() const { return timeline_; }
  std::size_t prepared_count() const { return prepared_.size(); }
  std::vector<BranchKey> Prepared() const;
  bool Holds(const Gtid& gtid) const;  // a branch of it that is or may yet be prepared
  std::vector<BranchKey> Open() const;
  std::size_t open_count() const { return open_.size(); }

 private:
  enum class Status { kInProgress, kCommitted, kAborted };
  struct Work {
    BranchKey key;
    std::int64_t change = 0;
  };
  struct Change {
    enum class What { kPrepared, kCommitted, kCommittedInOnePhase, kRolledBack };
    What what = What::kPrepared;
    LocalTransaction local = 0;
    Work work;
  };
  bool Reached();
  void Did(Change::What what, LocalTransaction local, const Work& work);
  void Undo(const Change& change);
  // False: it died in this operation, which is done but not answered.
  bool Answers(const char* did, const BranchKey& key);
  void Commit(LocalTransaction local, const Work& work);
  FinishResult ByEvidence(const Evidence& evidence, Decision decision) const;

  World& world_;
  const std::string name_;
  const DatabaseKind kind_;
  bool up_ = true;
  bool standby_ = false;
  std::uint32_t timeline_ = 1;
  std::deque<Change> changes_;  // the last few, oldest first
  std::set<Gtid> meddled_;
  std::set<BranchKey> uncommitted_;  // by a fail-over
  std::set<Gtid> lost_for_good_;
  LocalTransaction next_ = 100;
  std::map<LocalTransaction, Work> open_;
  std::map<BranchKey, LocalTransaction> prepared_;
  std::map<BranchKey, std::string> names_;  // that branches are or were prepared under
  std::map<LocalTransaction, Work> prepared_work_;
  std::map<LocalTransaction, Status> status_;
  std::map<BranchKey, int> applied_;
  std::map<BranchKey, std::int64_t> wrote_;  // what each branch was to change, if anything
  std::int64_t balance_ = 0;
};

}  // namespace settle::simulation
