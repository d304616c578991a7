// Reservations: what is tried, confirmed and cancelled in services.
#include <algorithm>
#include <utility>

#include "engine/answers.h"
#include "engine/call_places.h"
#include "engine/delays.h"
#include "engine/shard.h"
#include "saga_definition/json_text.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

// What whoever asked for the try is told, once the branch has voted.
Result<TryAnswer> AnswerOf(const TwoPhase::Branch& branch) {
  if (branch.vote().vote == Vote::kCommit)
    return TryAnswer{branch.number, AnswerKind::kDone, branch.reservation->result};
  if (!branch.vote().retryable)
    return TryAnswer{branch.number, AnswerKind::kFailed, branch.vote().reason};
  return Fail(ErrorCode::kRetryTransaction, branch.vote().reason,
              "nothing was called; abort the transaction and do the work again under a new one");
}

}  // namespace

void Shard::Try(const TryCall& call, const Completion<TryAnswer>& done) {
  if (const auto json = saga::ParseJson(call.input); !json) {
    return done(Fail(ErrorCode::kInvalid, "the try's input: " + json.error().message));
  }
  Transaction* transaction = FindInTime(call.gtid);
  if (transaction == nullptr) return done(Fail(CannotJoin(call.gtid)));
  if (Status may = CheckMayJoin(*transaction, call.participant, call.request_key); !may)
    return done(Fail(may.error()));
  const std::uint64_t id = next_waiter_++;
  const auto wait = call.wait_at_most.count() == 0 ? settings_.commit_wait : call.wait_at_most;
  transaction->other_waiters.Change().tries.push_back({id, 0, done});
  timers_.Arm({call.gtid, TimerKind::kTryWaiter, id},
              clock_.Now() + std::min(wait, settings_.transaction_timeout_max));
  Handle(*transaction,
         event::TryRequested{call.participant, call.action, call.input, call.request_key}, {},
         [&](Error error) {
           transaction->other_waiters->tries.pop_back();
           timers_.Cancel({call.gtid, TimerKind::kTryWaiter, id});
           done(Fail(std::move(error)));
         });
}

void Shard::Perform(Transaction& transaction, effect::Call& call) {
  const Gtid& gtid = transaction.machine.gtid();
  timers_.Arm({gtid, TimerKind::kCall, call.branch}, clock_.Now() + settings_.call_timeout);
  const ActionOp op = call.op;
  const std::string participant = call.participant;
  const bool sent = SETTLE_FAILPOINT_FAILS("engine.before_call") ||  // lost on its way
                    sessions_.Call({{gtid, call.branch},
                                    op,
                                    std::move(call.participant),
                                    std::move(call.action),
                                    call.attempt,
                                    std::move(call.input),
                                    std::move(call.result),
                                    settings_.call_timeout,
                                    0,
                                    transaction.machine.origin().trace_parent});
  if (call.attempt == 1) {
    transaction.Note(clock_.WallNow(),
                     std::string(settle::ToString(op)) + " of branch " +
                         std::to_string(call.branch) +
                         (sent ? " called at " : " waits for somebody to serve ") + participant);
  }
  transaction.CountAttempt(call.branch, call.attempt, sent);
  PassSent(op);
}

void Shard::Perform(Transaction& transaction, const effect::Pause& pause) {
  const auto delay = pause.poll_after_ms != 0
                         ? Jittered(std::chrono::milliseconds(pause.poll_after_ms), ids_)
                         : RetryDelay(pause.fruitless);
  timers_.Arm({transaction.machine.gtid(), TimerKind::kCall, pause.branch},
              clock_.Now() + std::chrono::duration_cast<Instant::duration>(delay));
}

void Shard::Perform(Transaction& transaction, const effect::Alarm& alarm) {
  transaction.Note(clock_.WallNow(), alarm.what);
  observer_.Event(Observer::Level::kError, transaction.about(), alarm.what);
}

void Shard::Answered(const Reporter& reporter, const SagaAnswer& answer) {
  const BranchNumber number = answer.key.number;
  Transaction* transaction = Find(answer.key.gtid);
  if (transaction == nullptr) {
    if (sagas_.Answered(reporter.participants, answer)) return;
    return reporter.Ignore(answer.key.gtid, "a session answered for step " +
                                                std::to_string(number) +
                                                ", which its participants do not serve");
  }
  const TwoPhase::Branch* branch = transaction->machine.FindBranch(number);
  const bool is_its_own =
      branch != nullptr && branch->reservation && reporter.participants.contains(branch->resource);
  if (!is_its_own) {
    return reporter.Ignore(transaction->about(),
                           "a session answered for branch " + std::to_string(number) +
                               ", which is no reservation of its participants");
  }
  PassAnswered(answer.op);
  Answer sane = Sane(answer.answer);
  transaction->Note(
      clock_.WallNow(),
      "branch " + std::to_string(number) + ": " + settle::ToString(answer.op) + " " +
          settle::ToString(sane.kind) +
          (sane.kind == AnswerKind::kDone || sane.text.empty() ? "" : ", " + sane.text));
  Handle(*transaction, event::Answered{number, answer.op, answer.attempt, std::move(sane)});
}

void Shard::ParticipantReady(const std::string& participant) {
  // Sending is all that can come of it: it ends no transaction.
  for (const auto& [gtid, transaction] : running_) {
    const auto& branches = transaction->machine.branches();
    const bool concerned =
        std::any_of(branches.begin(), branches.end(), [&](const TwoPhase::Branch& branch) {
          return branch.reservation && branch.resource == participant;
        });
    if (concerned) Handle(*transaction, event::ParticipantReady{participant});
  }
  sagas_.ParticipantReady(participant);
}

void Shard::Act(const SagaActCall& call, const Completion<std::monostate>& done) {
  Transaction* transaction = Find(call.gtid);
  if (transaction == nullptr) return sagas_.Act(call, done);
  if (call.act != SagaAct::kSkip) {
    return done(Fail(ErrorCode::kRefused,
                     "transaction " + call.gtid.text() +
                         " is no saga: what its reservations were tried with stays as it is"));
  }
  transaction->other_waiters.Change().skips.push_back({call.step, done});
  Handle(*transaction, event::SkipRequested{call.step, call.by, call.reason}, {}, [&](Error error) {
    transaction->other_waiters->skips.pop_back();
    done(Fail(std::move(error)));
  });
}

void Shard::Perform(Transaction& transaction, const effect::Skipped& skipped) {
  std::vector<SkipWaiter> told;
  std::erase_if(transaction.other_waiters.Change().skips, [&](SkipWaiter& one) {
    if (one.branch != skipped.branch) return false;
    told.push_back(std::move(one));
    return true;
  });
  for (const SkipWaiter& one : told) one.done(std::monostate{});
}

void Shard::TellTried(Transaction& transaction, BranchNumber branch) {
  std::vector<TryWaiter> told;
  std::erase_if(transaction.other_waiters.Change().tries, [&](TryWaiter& waiter) {
    if (waiter.branch != branch) return false;
    told.push_back(std::move(waiter));
    return true;
  });
  for (const TryWaiter& waiter : told) {
    timers_.Cancel({transaction.machine.gtid(), TimerKind::kTryWaiter, waiter.id});
    waiter.done(AnswerOf(*transaction.machine.FindBranch(branch)));
  }
}

// The transaction ended while they were waiting.
void Shard::RefuseTries(Transaction& transaction, const Ending& ending) {
  const Gtid& gtid = transaction.machine.gtid();
  if (!transaction.other_waiters) return;
  for (const TryWaiter& waiter : std::exchange(transaction.other_waiters->tries, {})) {
    timers_.Cancel({gtid, TimerKind::kTryWaiter, waiter.id});
    waiter.done(Fail(ending.retryable ? ErrorCode::kRetryTransaction : ErrorCode::kRefused,
                     "transaction " + gtid.text() + " was " + settle::ToString(ending.outcome) +
                         " before the try was answered: " + ending.reason,
                     "what it may have reserved is cancelled; begin a new transaction"));
  }
}

void Shard::TryWaitIsOver(Transaction& transaction, std::uint64_t id) {
  std::vector<TryWaiter>& tries = transaction.other_waiters.Change().tries;
  const auto waiter = std::ranges::find(tries, id, &TryWaiter::id);
  if (waiter == tries.end()) return;
  const TryWaiter told = std::move(*waiter);
  tries.erase(waiter);
  told.done(TryAnswer{told.branch, AnswerKind::kOngoing,
                      transaction.LastError(*transaction.machine.FindBranch(told.branch))});
}

}  // namespace settle::coordinator
