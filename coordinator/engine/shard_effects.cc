// What goes out: performing a machine's effects, in order.
#include <algorithm>
#include <utility>

#include "engine/admission.h"
#include "engine/delays.h"
#include "engine/durable_append.h"
#include "engine/shard.h"
#include "engine/witness.h"
#include "protocol/describe.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

bool IsUndecided(TwoPhase::State state) {
  return state == TwoPhase::State::kActive || state == TwoPhase::State::kPreparing ||
         state == TwoPhase::State::kPreCommitting || state == TwoPhase::State::kQuorum ||
         state == TwoPhase::State::kDeciding || state == TwoPhase::State::kDelegating;
}

// No other record is written then.
bool IsRegistering(TwoPhase::State state) {
  return state == TwoPhase::State::kActive || state == TwoPhase::State::kPreparing;
}

// What a site is asked to join or accept.
bool IsAsked(CommandKind kind) {
  return kind == CommandKind::kElect || kind == CommandKind::kPreCommit ||
         kind == CommandKind::kPreAbort;
}

EndedBy EndedByOf(const Transaction& transaction) {
  if (transaction.machine.protocol() == Protocol::kThreePhase) return EndedBy::kThreePhase;
  if (transaction.machine.has_reservations()) return EndedBy::kTcc;
  if (transaction.last_resource) return EndedBy::kLastResource;
  return transaction.one_phase ? EndedBy::kOnePhase : EndedBy::kTwoPhase;
}

// The process may be killed by a test here.
void PassSent(CommandKind kind) {
  switch (kind) {
    case CommandKind::kPrepare: SETTLE_FAILPOINT("engine.prepare_sent"); return;
    case CommandKind::kCommit: SETTLE_FAILPOINT("engine.commit_sent"); return;
    case CommandKind::kAbort: SETTLE_FAILPOINT("engine.abort_sent"); return;
    case CommandKind::kProve: SETTLE_FAILPOINT("engine.prove_sent"); return;
    case CommandKind::kElect:
    case CommandKind::kPreCommit:
    case CommandKind::kPreAbort: SETTLE_FAILPOINT("engine.ballot_sent"); return;
  }
}

// " under ballot 2.0".
std::string UnderBallot(const effect::Send& send) {
  return IsAsked(send.kind) ? " under ballot " + settle::ToString(send.ballot) : "";
}

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

void Shard::Handle(Transaction& transaction, const Event& event,
                   const Completion<BranchNumber>& enlisted, const Refused& refused) {
  const bool was_undecided = IsUndecided(transaction.machine.state());
  const bool three_phase = transaction.machine.protocol() == Protocol::kThreePhase;
  const std::optional<QuorumSummary> quorum =
      three_phase ? transaction.machine.quorum() : std::nullopt;
  Effects effects = transaction.machine.Handle(event);
  if (three_phase) NoteQuorum(transaction, quorum);
  if (was_undecided && !IsUndecided(transaction.machine.state())) {
    SETTLE_ASSERT(undecided_count_ > 0, transaction.machine.gtid().text());
    --undecided_count_;
    admission_.quota.GiveBack(QuotaKey(transaction.machine.origin()));
    // A reservation's participant must know a repeated confirm or cancel for as long as one can
    // come, a site what its peers may ask.
    const bool reserved = transaction.machine.has_reservations() &&
                          !SETTLE_PLANTED_BUG(kReservationsDoNotHoldTheMark);
    if (!reserved && transaction.machine.protocol() == Protocol::kTwoPhase)
      admission_.unended.End(transaction.machine.gtid());
  }
  // Only Forget, which is always the last effect, drops the transaction.
  for (Effect& effect : effects) {
    Perform(transaction, std::move(effect), enlisted, refused);
  }
}

void Shard::Perform(Transaction& transaction, Effect effect,
                    const Completion<BranchNumber>& enlisted, const Refused& refused) {
  const Gtid gtid = transaction.machine.gtid();
  const auto timer_of = [](Timer timer) {
    return timer == Timer::kVote ? TimerKind::kVote : TimerKind::kRetry;
  };
  std::visit(
      Overloaded{
          [&](effect::Send& send) {
            const bool sent =
                SETTLE_FAILPOINT_FAILS("engine.before_send") ||  // lost on its way
                sessions_.Send(send.session, {send.kind,
                                              {gtid, send.branch},
                                              send.resource,
                                              send.attempt,
                                              0,
                                              send.evidence,
                                              std::move(send.sites),
                                              send.ballot,
                                              std::move(send.quorum),
                                              transaction.machine.origin().trace_parent,
                                              send.prepared});
            if (send.attempt == 1) {
              transaction.Note(
                  clock_.WallNow(),
                  std::string(ToString(send.kind)) + UnderBallot(send) +
                      (sent ? " sent to branch " : " waits for somebody to serve branch ") +
                      std::to_string(send.branch) + " in " + send.resource);
            }
            transaction.CountAttempt(send.branch, send.attempt, sent);
            if (IsAsked(send.kind)) transaction.asked = send.kind;
            PassSent(send.kind);
          },
          [&](const effect::AbortOwn& own) {
            Command abort{CommandKind::kAbort, {gtid, 0}, "", 1, 0, {}};
            abort.trace_parent = transaction.machine.origin().trace_parent;
            if (sessions_.Send(own.session, std::move(abort))) {
              transaction.Note(clock_.WallNow(),
                               "abort sent to its beginner, for what it numbered itself");
            }
          },
          [&](effect::Call& call) { Perform(transaction, call); },
          [&](const effect::Pause& pause) { Perform(transaction, pause); },
          [&](const effect::StopCall& stop) {
            timers_.Cancel({gtid, TimerKind::kCall, stop.branch});
          },
          [&](const effect::Alarm& alarm) { Perform(transaction, alarm); },
          [&](const effect::TryAccepted& accepted) {
            transaction.other_waiters->tries.back().branch = accepted.branch;
          },
          [&](const effect::TryAnswered& answered) { TellTried(transaction, answered.branch); },
          [&](const effect::Skipped& skipped) { Perform(transaction, skipped); },
          [&](effect::Persist& persist) { Persist(transaction, std::move(persist.record)); },
          [&](effect::PersistLazily& persist) { Perform(transaction, persist); },
          [&](const effect::ArmTimer& arm) {
            const auto delay = arm.timer == Timer::kVote
                                   ? std::chrono::nanoseconds(settings_.vote_timeout)
                                   : RetryDelay(arm.attempt);
            timers_.Arm({gtid, timer_of(arm.timer)},
                        clock_.Now() + std::chrono::duration_cast<Instant::duration>(delay));
          },
          [&](const effect::CancelTimer& cancel) {
            timers_.Cancel({gtid, timer_of(cancel.timer)});
          },
          [&](const effect::ReplyDecided& reply) { TellDecided(transaction, reply); },
          [&](const effect::ReplyApplied& reply) { TellEnded(transaction, reply.ending); },
          [&](const effect::Enlisted& joined) { enlisted(joined.branch); },
          [&](const effect::HeuristicRecorded&) {
            for (const auto& done :
                 std::exchange(transaction.other_waiters.Change().heuristics, {}))
              done(gtid);
          },
          [&](const effect::AnswerPeer& answer) {
            AnswerPeer(transaction, answer.call, answer.answer);
          },
          [&](const effect::OnePhaseGranted&) {
            TellOnePhase(transaction, {true, transaction.machine.ending()});
          },
          [&](const effect::OnePhaseDeclined&) {
            TellOnePhase(transaction, {false, transaction.machine.ending()});
          },
          [&](const effect::Refuse& refuse) {
            if (refused) refused({refuse.code, refuse.message, ""});
          },
          [&](const effect::Forget&) { Forget(transaction); },
      },
      effect);
}

void Shard::NoteForLog(Transaction& transaction, const Record& record) {
  const bool one_phase = std::holds_alternative<OnePhaseRecord>(record);
  if (one_phase) transaction.one_phase = true;
  if (std::holds_alternative<HeuristicRecord>(record)) ++measures_.heuristics;
  const bool pre_commit = std::holds_alternative<PreCommitRecord>(record);
  if (!one_phase && !pre_commit && !std::holds_alternative<CommitRecord>(record)) return;
  PhaseTimes& times = transaction.times;
  times.log_asked = clock_.Now();
  if (times.decided == Instant{})  // of a three-phase commit the pre-commit came first
    measures_.Add(Phase::kPrepare, times.commit_asked, times.log_asked);
}

void Shard::Persist(Transaction& transaction, Record record) {
  const WallTime now = clock_.WallNow();
  NoteForLog(transaction, record);
  if (auto* commit = std::get_if<CommitRecord>(&record)) commit->decided = now;
  if (auto* one_phase = std::get_if<OnePhaseRecord>(&record)) one_phase->delegated = now;
  if (auto* pre_commit = std::get_if<PreCommitRecord>(&record)) pre_commit->at = now;
  if (auto* abort = std::get_if<QuorumAbortRecord>(&record)) abort->decided = now;
  if (auto* heuristic = std::get_if<HeuristicRecord>(&record)) {
    heuristic->learned = now;
    transaction.Note(now, "heuristic: " + heuristic->detail);
    observer_.Event(Observer::Level::kError, transaction.about(),
                    "a branch ended otherwise than decided: " + heuristic->detail);
  }
  if (const auto* heuristic = std::get_if<HeuristicIntentRecord>(&record)) {
    transaction.Note(now, "heuristic: " + Words(heuristic->intent));
    observer_.Event(Observer::Level::kWarning, heuristic->gtid,
                    "heuristic: " + Escaped(Words(heuristic->intent)));
  }
  if (auto* forget = std::get_if<ForgetRecord>(&record)) {
    forget->at = now;
    transaction.Note(now, ForgottenBy(forget->operator_name, forget->reason));
  }
  if (auto* registered = std::get_if<RegisteredRecord>(&record)) {
    registered->at = now;
    SETTLE_FAILPOINT("engine.before_registered");
  } else {
    SETTLE_FAILPOINT("engine.before_decision");
  }
  const bool unforced =
      (SETTLE_PLANTED_BUG(kDecisionNotForced) && std::holds_alternative<CommitRecord>(record)) ||
      (SETTLE_PLANTED_BUG(kHeuristicNotForced) &&
       std::holds_alternative<HeuristicRecord>(record)) ||
      (SETTLE_PLANTED_BUG(kRegisteredNotForced) &&
       std::holds_alternative<RegisteredRecord>(record)) ||
      (SETTLE_PLANTED_BUG(kPreCommitNotForced) &&
       std::holds_alternative<PreCommitRecord>(record)) ||
      (SETTLE_PLANTED_BUG(kOwnBallotNotForced) && std::holds_alternative<BallotRecord>(record));
  // Crash before this is durable: no record, abort is presumed. After: it holds, even if `done`
  // never ran.
  DurableAppend(
      log_, observer_, std::move(record), unforced ? Durability::kLazy : Durability::kForce,
      [this, gtid = transaction.machine.gtid()](AppendResult result, const std::string& reason) {
        mailbox_.PostAlways([this, gtid, result, reason] { OnAppended(gtid, result, reason); });
      });
}

// Nobody waits for it, and nothing rests on it but what is answered after a crash.
void Shard::Perform(Transaction& transaction, effect::PersistLazily& persist) {
  const WallTime now = clock_.WallNow();
  if (auto* record = std::get_if<LastResourceRecord>(&persist.record)) {
    record->delegated = now;
    transaction.last_resource = true;
    transaction.Note(now, "left to its last resource to decide, branch " +
                              std::to_string(record->last) + " in " + record->Deciding()->resource);
  }
  DurableAppend(log_, observer_, std::move(persist.record), Durability::kLazy,
                [](AppendResult, const std::string&) {});
  SETTLE_FAILPOINT("engine.leave_given");
}

void Shard::RecordDamage(HeuristicRecord record) {
  if (Find(record.gtid) != nullptr || quarantined_.contains(record.gtid)) return;
  ++measures_.heuristics;
  record.learned = clock_.WallNow();
  observer_.Event(Observer::Level::kError, record.gtid,
                  "a branch ended otherwise than decided: " + record.detail);
  DurableAppend(log_, observer_, record, Durability::kForce,
                [this, record](AppendResult result, const std::string&) {
                  if (result != AppendResult::kDurable) return;  // the event above is all there is
                  mailbox_.PostAlways([this, record] {
                    if (Find(record.gtid) == nullptr) Restore({.heuristics = {record}});
                  });
                });
}

void Shard::OnAppended(const Gtid& gtid, AppendResult result, const std::string& reason) {
  Transaction* transaction = Find(gtid);
  if (transaction == nullptr) return;
  if (result == AppendResult::kDurable || SETTLE_PLANTED_BUG(kRefusedRecordTakenForDurable)) {
    if (!transaction->other_waiters.OrEmpty().heuristics.empty())
      SETTLE_FAILPOINT("engine.intent_recorded");
    if (IsRegistering(transaction->machine.state())) {
      SETTLE_FAILPOINT("engine.registered");
    } else {
      SETTLE_FAILPOINT("engine.decided");
    }
    transaction->Note(clock_.WallNow(), transaction->machine.state() == TwoPhase::State::kDeciding
                                            ? "decided to commit; the decision is durable"
                                            : "recorded durably");
    if (PhaseTimes& times = transaction->times; times.log_asked != Instant{}) {
      times.decided = clock_.Now();
      measures_.Add(Phase::kLog, std::exchange(times.log_asked, Instant{}), times.decided);
    }
    return Handle(*transaction, event::Persisted{});
  }
  observer_.Event(Observer::Level::kError, transaction->about(),
                  "the log refused a record: " + reason);
  transaction->Note(clock_.WallNow(), "the log refused the record: " + reason);
  Handle(*transaction, event::PersistRefused{reason}, {}, [&](const Error& error) {
    Transaction::OtherWaiters& waiters = transaction->other_waiters.Change();
    for (const auto& done : std::exchange(waiters.forgets, {})) done(Fail(error));
    for (const auto& done : std::exchange(waiters.heuristics, {})) done(Fail(error));
  });
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
  const Transaction::OtherWaiters waiters = transaction.other_waiters
                                                ? std::move(*transaction.other_waiters)
                                                : Transaction::OtherWaiters();
  for (const auto& [call, peer] : waiters.peers) peer(FinalAnswer(ended_.at(gtid).summary));
  running_.erase(gtid);
  CountRunning();
  WriteEnd(gtid);
  for (const auto& done : waiters.forgets) done(std::monostate{});
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

std::chrono::nanoseconds Shard::RetryDelay(int attempt) {
  return Jittered(GrowingDelay(settings_, attempt), ids_);
}

}  // namespace settle::coordinator
