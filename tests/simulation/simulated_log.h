// A decision log on a simulated disk: group commit with a delay, lazy records that wait for a
// forced one, crashes that lose what was not synced or tear the group that was being flushed, a
// disk that can be full and one that fails.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "log/decision_log.h"
#include "simulation/world.h"

namespace settle::simulation {

using namespace coordinator;

// Thrown by an observer that was told that the log failed: the coordinator ends itself.
struct LogFailed {};

// What is durable of a saga.
struct SagaFacts {
  bool begun = false;
  bool aborting = false;
  std::optional<Outcome> ended;
  std::set<BranchNumber> skipped;
  std::size_t acts = 0;  // of operators
};

// What a person decided instead of the protocol, and the life in which that became durable.
struct ForcedDecision {
  Decision to = Decision::kAbort;
  Epoch epoch = 0;
};

// What survives a crash: the first `synced` records, and of the others perhaps the first few.
struct Disk {
  std::string log_id;
  Epoch epoch = 0;
  std::vector<Record> records;
  std::size_t synced = 0;
  std::vector<std::pair<Epoch, std::size_t>> starts;  // how many records there were at each start
  bool full = false;
  // Whether an ended transaction may be pruned: records are kept for longer than any database is
  // away with a prepared branch, or any process stands still with one that it may yet prepare.
  std::function<bool(const Gtid&)> may_prune;
  std::function<void(const Record&)> watch;  // shown every record that is handed to the log

  // What has been synced, by kind of record; the oracle of "told only after it is durable".
  std::unordered_set<Gtid> decided;
  std::unordered_map<Gtid, std::set<BranchNumber>> committed;  // by the decision
  std::unordered_set<Gtid> delegated;
  std::unordered_set<Gtid> pre_committed;
  std::unordered_set<Gtid> quorum_aborted;
  std::unordered_map<Gtid, SiteAnswer> ballots;  // the last that was joined or accepted
  std::unordered_map<Gtid, std::vector<BranchNumber>> damaged;  // which branches of it
  std::unordered_map<Gtid, ForcedDecision> by_person;
  std::unordered_set<Gtid> forgotten;
  std::unordered_map<Gtid, SagaFacts> sagas;
  std::unordered_map<Gtid, std::set<BranchNumber>> registered;
  std::unordered_map<Gtid, std::size_t> forced;  // how many records were
  std::unordered_set<Gtid> pruned;
  std::unordered_map<Gtid, std::size_t> ended;  // written, perhaps not synced: where

  // By its record, or by a person's word.
  bool MayCommit(const Gtid& gtid) const;
  // Of what may have been pre-committed.
  bool MayAbort(const Gtid& gtid) const;
  bool IsForcedTo(Decision to, const Gtid& gtid) const;

  void Write(Record record);
  void TakeSynced(const Record& record);
  void Sync();
  // Only the first `size` records survive; they are synced then.
  void CutTo(std::size_t size);
  // Forgets all but the newest `keep` ended transactions, if all is synced. Gives how many went.
  std::size_t Prune(std::size_t keep);
  // A copy as it was before the start of `epoch`.
  Disk CopyBefore(Epoch epoch) const;
};

class SimulatedLog : public DecisionLog {
 public:
  // Runs a task after a delay, unless the coordinator that uses this log has died by then.
  using Later = std::function<void(microseconds, std::function<void()>)>;

  SimulatedLog(World& world, Disk& disk, Later later);
  ~SimulatedLog() override;

  const LogIdentity& identity() const override { return identity_; }
  Status Replay(const std::function<void(std::uint64_t, Record)>& visit) override;
  void Append(Record record, Durability durability, AppendDone done) override;
  Result<std::optional<TransactionSummary>> FindEnded(const Gtid& gtid) const override;
  Result<EndedPage> ListEnded(std::size_t, const std::string&) const override {
    return EndedPage{};
  }
  LogTotals totals() const override;
  LogWrites writes() const override { return {}; }

  // Records that were written and not synced, with those of the group that is being flushed: a
  // crash may keep the first so many of them.
  std::size_t unsynced() const { return disk_.records.size() - disk_.synced + flushing_.size(); }
  bool idle() const { return queue_.empty() && flushing_.empty(); }

  // The coordinator dies now: what was not synced is gone, except for its first `survived` records,
  // or as many as chance wants.
  void Crash(std::optional<std::size_t> survived);

 private:
  struct Pending {
    Record record;
    Durability durability = Durability::kForce;
    AppendDone done;
    bool refused = false;  // it is not written, and answered in its turn
  };
  void StartFlush();
  void FinishFlush();
  void WaitLazily();
  std::size_t LoseByChance() const;

  World& world_;
  Disk& disk_;
  const Later later_;
  LogIdentity identity_;
  std::vector<Pending> queue_;
  std::vector<Pending> flushing_;
};

}  // namespace settle::simulation
