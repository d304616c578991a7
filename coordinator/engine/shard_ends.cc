// How transactions end: whoever waits is told, and the end is written down.
#include <algorithm>
#include <utility>

#include "engine/admission.h"
#include "engine/durable_append.h"
#include "engine/shard.h"
#include "engine/witness.h"
#include "protocol/describe.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

EndedBy EndedByOf(const Transaction& transaction) {
  if (transaction.machine.protocol() == Protocol::kThreePhase) return EndedBy::kThreePhase;
  if (transaction.machine.has_reservations()) return EndedBy::kTcc;
  if (transaction.last_resource) return EndedBy::kLastResource;
  return transaction.one_phase ? EndedBy::kOnePhase : EndedBy::kTwoPhase;
}

}  // namespace

std::uint64_t Shard::AddWaiter(Transaction& transaction, bool at_decision,
                               std::chrono::milliseconds wait,
                               std::function<void(Result<EndingNews>)> tell) {
  const std::uint64_t id = next_waiter_++;
  transaction.waiters.push_back({id, at_decision, std::move(tell)});
  const auto at_most =
      std::clamp(wait, std::chrono::milliseconds(0), settings_.transaction_timeout_max);
  timers_.Arm({transaction.machine.gtid(), TimerKind::kWaiter, id}, clock_.Now() + at_most);
  return id;
}

void Shard::RemoveWaiter(Transaction& transaction, std::uint64_t id) {
  timers_.Cancel({transaction.machine.gtid(), TimerKind::kWaiter, id});
  std::erase_if(transaction.waiters, [id](const EndingWaiter& waiter) { return waiter.id == id; });
}

// The caller waited as long as it wanted to; the transaction goes on without it.
void Shard::WaitIsOver(Transaction& transaction, std::uint64_t id) {
  const auto waiter = std::find_if(transaction.waiters.begin(), transaction.waiters.end(),
                                   [id](const EndingWaiter& one) { return one.id == id; });
  if (waiter == transaction.waiters.end()) return;
  const auto tell = std::move(waiter->tell);
  transaction.waiters.erase(waiter);
  tell(EndingNews{transaction.machine.ending(), false, transaction.machine.NotApplied()});
}

void Shard::TellDecided(Transaction& transaction, const effect::ReplyDecided& reply) {
  const std::vector<BranchNumber> unfinished = transaction.machine.NotApplied();
  const EndingNews news{reply.ending, reply.finish_here, unfinished};
  std::vector<EndingWaiter> told;
  std::erase_if(transaction.waiters, [&](EndingWaiter& waiter) {
    if (!reply.finish_here && !waiter.at_decision) return false;
    told.push_back(std::move(waiter));
    return true;
  });
  for (const EndingWaiter& waiter : told) {
    timers_.Cancel({transaction.machine.gtid(), TimerKind::kWaiter, waiter.id});
    waiter.tell(news);
  }
}

void Shard::TellEnded(Transaction& transaction, const Ending& ending) {
  if (transaction.ended == 0) {
    transaction.ended = clock_.WallNow();
    transaction.Note(transaction.ended, std::string(settle::ToString(ending.outcome)) +
                                            (ending.reason.empty() ? "" : ": " + ending.reason));
  }
  for (const EndingWaiter& waiter : std::exchange(transaction.waiters, {})) {
    timers_.Cancel({transaction.machine.gtid(), TimerKind::kWaiter, waiter.id});
    waiter.tell(EndingNews{ending, false, transaction.machine.NotApplied()});
  }
  TellOnePhase(transaction, {false, ending});
  RefuseTries(transaction, ending);
}

void Shard::TellOnePhase(Transaction& transaction, const OnePhaseAnswer& answer) {
  for (const auto& done : std::exchange(transaction.one_phase_waiters, {})) done(answer);
}

void Shard::Forget(Transaction& transaction) {
  const Gtid gtid = transaction.machine.gtid();
  SETTLE_ASSERT(transaction.machine.state() == TwoPhase::State::kDone,
                gtid.text() + " is " + Describe(transaction.machine));
  for (const TimerKind kind : {TimerKind::kDeadline, TimerKind::kVote, TimerKind::kRetry}) {
    timers_.Cancel({gtid, kind});
  }
  for (const TwoPhase::Branch& branch : transaction.machine.branches()) {
    if (branch.reservation) timers_.Cancel({gtid, TimerKind::kCall, branch.number});
  }
  const Ending& ending = transaction.machine.ending();
  const Instant now = clock_.Now();
  measures_.Ended(EndedByOf(transaction), ending.outcome, transaction.times.begun, now);
  // A damaged one ends when a person says so.
  if (ending.committed()) measures_.Add(Phase::kApply, transaction.times.decided, now);
  observer_.Event(Observer::Level::kDebug, transaction.about(),
                  std::string(settle::ToString(ending.outcome)) +
                      (ending.reason.empty() ? "" : ": " + ending.reason));
  SETTLE_FAILPOINT("engine.before_end");
  // What was registered would be confirmed or cancelled again by the next start. Services are told
  // that it has ended, and may have forgotten it by then, so its end is forced.
  const bool reserved =
      transaction.machine.has_reservations() && !SETTLE_PLANTED_BUG(kEndOfReservationsNotForced);
  // Of a three-phase commit the records of a quorum's abort would be restored, and not presumed.
  const bool presumable =
      ending.aborted() && !reserved && transaction.machine.protocol() == Protocol::kTwoPhase;
  ended_.emplace(gtid, Ended{transaction.Summary(), presumable,
                             reserved ? Durability::kForce : Durability::kLazy});
  const auto forgotten = std::move(transaction.forget_waiters);
  while (!transaction.peer_waiters.empty()) {
    AnswerPeer(transaction, transaction.peer_waiters.begin()->first,
               FinalAnswer(ended_.at(gtid).summary));
  }
  running_.erase(gtid);
  CountRunning();
  WriteEnd(gtid);
  for (const auto& done : forgotten) done(std::monostate{});
}

// A crash that loses this record: a commit is told to its branches once more, an abort is presumed.
void Shard::WriteEnd(const Gtid& gtid) {
  const Ended& ended = ended_.at(gtid);
  DurableAppend(log_, observer_, EndRecord{ended.summary}, ended.durability,
                [this, gtid](AppendResult result, const std::string&) {
                  SETTLE_FAILPOINT("engine.ended");
                  mailbox_.PostAlways([this, gtid, result] { OnEndWritten(gtid, result); });
                });
}

void Shard::OnEndWritten(const Gtid& gtid, AppendResult result) {
  const auto entry = ended_.find(gtid);
  SETTLE_ASSERT(entry != ended_.end(), gtid.text() + " was written twice");
  Ended& ended = entry->second;
  // Without a record an abort is presumed, which is right; anything else would be told wrongly, so
  // it is kept here and counts as open until it is written.
  const bool keep = result != AppendResult::kDurable && !ended.presumable &&
                    !SETTLE_PLANTED_BUG(kRefusedEndDropped);
  if (keep) {
    refused_ends_ += ended.refusals == 0 ? 1 : 0;
    const auto delay = std::chrono::duration_cast<Instant::duration>(RetryDelay(++ended.refusals));
    timers_.Arm({gtid, TimerKind::kEnd}, clock_.Now() + delay);
  } else {
    refused_ends_ -= ended.refusals == 0 ? 0 : 1;
    ended_.erase(entry);
    admission_.unended.End(gtid);
  }
  CountRunning();
}

}  // namespace settle::coordinator
