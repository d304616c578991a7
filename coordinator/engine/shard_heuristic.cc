// What persons decide: of a running transaction by its machine; of a quarantined one, and of a
// prepared branch of somebody else's, by the record of their intent alone.
#include <algorithm>
#include <utility>

#include "engine/admission.h"
#include "engine/durable_append.h"
#include "engine/shard.h"
#include "protocol/branch_order.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/assertion.h"

namespace settle::coordinator {
namespace {

Result<std::vector<DecidedBranch>> BranchesOf(const TransactionSummary& summary) {
  std::vector<DecidedBranch> branches;
  BranchOrder order;
  for (const BranchSummary& row : summary.branches) {
    const bool read_only = row.vote == settle::ToString(Vote::kReadOnly);
    branches.push_back(
        {row.number, row.resource, read_only ? Vote::kReadOnly : Vote::kCommit, row.evidence});
    if (row.number == order.Expected(row.number) && CheckResourceName(row.resource)) continue;
    return Fail(ErrorCode::kRefused, "its records do not say which branches it has");
  }
  if (!branches.empty()) return branches;
  return Fail(ErrorCode::kRefused, "no record says which branches it has");
}

}  // namespace

void Shard::Intervene(const HeuristicCall& call, const Completion<Gtid>& done) {
  SETTLE_FAILPOINT("engine.before_intent");
  if (call.intent.act == HeuristicAct::kStray) {
    const WallTime now = clock_.WallNow();
    const Origin origin{call.intent.operator_name, "prepared as " + call.intent.database_name, now,
                        call.identity};
    return RecordIntent({call.gtid, origin, call.intent}, done);
  }
  if (const auto quarantined = quarantined_.find(call.gtid); quarantined != quarantined_.end())
    return ForceQuarantined(quarantined->second, call, done);
  Transaction* transaction = Find(call.gtid);
  if (transaction == nullptr) {
    return done(
        Fail(ErrorCode::kNotFound, "transaction " + call.gtid.text() + " is not running here"));
  }
  transaction->other_waiters.Change().heuristics.push_back(done);
  event::HeuristicRequested asked{call.intent};
  asked.intent.at = clock_.WallNow();
  Handle(*transaction, asked, {}, [&](Error error) {
    transaction->other_waiters->heuristics.pop_back();
    done(Fail(std::move(error)));
  });
}

void Shard::ForceQuarantined(TransactionSummary& shown, const HeuristicCall& call,
                             const Completion<Gtid>& done) {
  if (shown.state != "quarantined")
    return done(Fail(ErrorCode::kRetry, "it is " + shown.state + " at this moment"));
  Result<std::vector<DecidedBranch>> branches = BranchesOf(shown);
  if (!branches) return done(Fail(branches.error()));
  HeuristicIntent intent = call.intent;
  intent.branches = *std::move(branches);
  shown.state = "forcing";
  RecordIntent({call.gtid, shown.origin, std::move(intent)}, done);
}

// Crash before it is durable: nothing was done. After: the next start goes on from it.
void Shard::RecordIntent(HeuristicIntentRecord record, const Completion<Gtid>& done) {
  record.intent.at = clock_.WallNow();
  observer_.Event(Observer::Level::kWarning, record.gtid,
                  "heuristic: " + Escaped(Words(record.intent)));
  DurableAppend(log_, observer_, record, Durability::kForce,
                [this, record, done](AppendResult result, const std::string& reason) {
                  mailbox_.PostAlways([this, record, done, result, reason] {
                    OnIntentRecorded(record, done, result, reason);
                  });
                });
}

void Shard::OnIntentRecorded(const HeuristicIntentRecord& record, const Completion<Gtid>& done,
                             AppendResult result, const std::string& reason) {
  const auto quarantined = quarantined_.find(record.gtid);
  if (result != AppendResult::kDurable) {
    if (quarantined != quarantined_.end()) quarantined->second.state = "quarantined";
    return done(
        Fail(ErrorCode::kRetry,
             "the log could not store what is to be done, so nothing of it was done: " + reason));
  }
  SETTLE_FAILPOINT("engine.intent_recorded");
  std::vector<TimelineEntry> timeline;
  if (quarantined != quarantined_.end()) {
    timeline = std::move(quarantined->second.timeline);
    quarantined_.erase(quarantined);
  }
  done(record.gtid);
  Run(std::make_unique<Transaction>(TwoPhase(record, {})), std::move(timeline), {record}, {});
}

// What a restored or forced transaction was made of is known; it goes on from there.
void Shard::Run(std::unique_ptr<Transaction> transaction, std::vector<TimelineEntry> timeline,
                const std::vector<HeuristicIntentRecord>& intents,
                std::optional<ForgetRecord> forgotten) {
  Transaction& here = *transaction;
  here.timeline.insert(here.timeline.begin(), timeline.begin(), timeline.end());
  for (const HeuristicIntentRecord& record : intents)
    here.Note(record.intent.at, "heuristic: " + Words(record.intent));
  if (forgotten) {
    here.ended = forgotten->at;
    here.Note(forgotten->at, ForgottenBy(forgotten->operator_name, forgotten->reason));
  }
  const bool is_new = running_.emplace(here.machine.gtid(), std::move(transaction)).second;
  SETTLE_ASSERT(is_new, here.machine.gtid().text() + " runs already");
  CountRunning();
  if (here.machine.state() == TwoPhase::State::kQuorum) {
    ++undecided_count_;
    admission_.quota.TakeBeyond(QuotaKey(here.machine.origin()));
  }
  Handle(here, event::Restored{std::move(forgotten)});
}

}  // namespace settle::coordinator
