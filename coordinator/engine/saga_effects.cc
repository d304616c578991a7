// What goes out: performing a saga's effects, in order.
#include <algorithm>
#include <utility>

#include "engine/call_places.h"
#include "engine/delays.h"
#include "engine/durable_append.h"
#include "engine/pauses.h"
#include "engine/running_saga.h"
#include "engine/sagas.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {

namespace fx = saga::effect;
using std::chrono::milliseconds;

void Sagas::Handle(Saga& saga, const saga::Event& event) {
  saga::Effects effects = saga.machine.Handle(event);
  saga.NoteSteps(out_.clock.WallNow());
  // Only Forget, which is always the last effect, drops the saga.
  for (saga::Effect& effect : effects) {
    std::visit([&](auto& one) { Perform(saga, one); }, effect);
  }
}

void Sagas::Perform(Saga& saga, fx::Call& call) {
  const Gtid& gtid = saga.machine.gtid();
  Saga::StepTimes& of_step = saga.times[call.step - 1];
  // What undoes, and what only asks, is never held back.
  const auto paused = call.op == ActionOp::kAction ? out_.paused(call.participant) : std::nullopt;
  of_step.held = paused ? InWords(*paused) : std::string();
  if (paused) return Hold(saga, call);
  const milliseconds timeout(call.timeout_ms);
  timers_.Arm({gtid, TimerKind::kStep, call.step}, After(timeout));
  const ActionOp op = call.op;
  const bool sent = SETTLE_FAILPOINT_FAILS("engine.before_call") ||  // lost on its way
                    out_.send({{gtid, call.step},
                               call.op,
                               call.participant,
                               std::move(call.action),
                               call.attempt,
                               std::move(call.input),
                               std::move(call.result),
                               timeout,
                               0,
                               saga.machine.begin().origin.trace_parent});
  if (sent && of_step.called == 0) of_step.called = out_.clock.WallNow();
  if (call.attempt == 1) {
    of_step.unsent = 0;
    saga.Note(out_.clock.WallNow(), saga.NameOf(call.step) + ": " + settle::ToString(call.op) +
                                        (sent ? " called at " : " waits for somebody to serve ") +
                                        call.participant);
  }
  if (!sent) ++of_step.unsent;
  of_step.unserved = !sent;
  PassSent(op);
}

// No timer: it is called when it is resumed, and does not count as a call without a result.
void Sagas::Hold(Saga& saga, const fx::Call& call) {
  timers_.Cancel({saga.machine.gtid(), TimerKind::kStep, call.step});
  Saga::StepTimes& of_step = saga.times[call.step - 1];
  of_step.unsent = call.attempt == 1 ? 1 : of_step.unsent + 1;
  of_step.unserved = false;
  saga.Note(out_.clock.WallNow(),
            saga.NameOf(call.step) + ": action is held back: " + of_step.held);
}

void Sagas::Perform(Saga& saga, const fx::Pause& pause) {
  timers_.Arm({saga.machine.gtid(), TimerKind::kStep, pause.step},
              After(Lengthened(milliseconds(pause.delay_ms), pause.jitter_percent, out_.ids)));
}

void Sagas::Perform(Saga& saga, const fx::StopTimer& stop) {
  timers_.Cancel({saga.machine.gtid(), TimerKind::kStep, stop.step});
}

void Sagas::Perform(Saga& saga, fx::Persist& persist) {
  const WallTime now = out_.clock.WallNow();
  if (auto* aborting = std::get_if<SagaAbortingRecord>(&persist.record)) {
    aborting->decided = now;
    saga.Note(now, "turns back: " + aborting->ending.reason);
  }
  if (auto* act = std::get_if<SagaActRecord>(&persist.record)) {
    act->at = now;
    const std::string what =
        saga.NameOf(act->step) + ": " + ToString(act->act) + " by " + act->by + ": " + act->reason;
    saga.Note(now, what);
    out_.observer.Event(Observer::Level::kWarning, saga.about(), what);
  }
  if (auto* end = std::get_if<SagaEndRecord>(&persist.record)) end->ended = now;
  if (auto* forget = std::get_if<ForgetRecord>(&persist.record)) {
    forget->at = now;
    saga.Note(now, ForgottenBy(forget->operator_name, forget->reason));
  }
  Record record = std::visit([](auto& one) { return Record(std::move(one)); }, persist.record);
  if (persist.durability == Durability::kLazy) {
    return DurableAppend(out_.log, out_.observer, std::move(record), Durability::kLazy,
                         [](AppendResult, const std::string&) {});
  }
  SETTLE_FAILPOINT("saga.before_record");
  const bool unforced =
      (SETTLE_PLANTED_BUG(kSagaBeginNotForced) &&
       std::holds_alternative<SagaBeginRecord>(record)) ||
      (SETTLE_PLANTED_BUG(kAbortingNotForced) &&
       std::holds_alternative<SagaAbortingRecord>(record)) ||
      (SETTLE_PLANTED_BUG(kSkipNotForced) && std::holds_alternative<SagaActRecord>(record));
  DurableAppend(
      out_.log, out_.observer, std::move(record), unforced ? Durability::kLazy : Durability::kForce,
      [this, gtid = saga.machine.gtid()](AppendResult result, const std::string& reason) {
        out_.mailbox.PostAlways([this, gtid, result, reason] { OnAppended(gtid, result, reason); });
      });
}

void Sagas::OnAppended(const Gtid& gtid, AppendResult result, const std::string& reason) {
  Saga* saga = Find(gtid);
  if (saga == nullptr) return;
  if (result == AppendResult::kDurable || SETTLE_PLANTED_BUG(kRefusedSagaRecordTakenForDurable)) {
    SETTLE_FAILPOINT("saga.recorded");
    return Handle(*saga, saga::event::Persisted{});
  }
  out_.observer.Event(Observer::Level::kError, saga->about(),
                      "the log refused a record: " + reason);
  saga->Note(out_.clock.WallNow(), "the log refused the record: " + reason);
  Handle(*saga, saga::event::PersistRefused{reason});
}

void Sagas::Perform(Saga& saga, const fx::ArmDeadline& arm) {
  timers_.Arm({saga.machine.gtid(), TimerKind::kDeadline, 0},
              saga.counts_from + milliseconds(arm.deadline_ms));
}

void Sagas::Perform(Saga& saga, const fx::StopDeadline&) {
  timers_.Cancel({saga.machine.gtid(), TimerKind::kDeadline, 0});
}

void Sagas::Perform(Saga& saga, const fx::ArmLogTimer& arm) {
  timers_.Arm({saga.machine.gtid(), TimerKind::kLog, 0},
              After(Jittered(GrowingDelay(out_.settings, arm.attempt), out_.ids)));
}

void Sagas::Perform(Saga& saga, const fx::Alarm& alarm) {
  saga.Note(out_.clock.WallNow(), alarm.what);
  out_.observer.Event(Observer::Level::kError, saga.about(), alarm.what);
}

void Sagas::Perform(Saga& saga, const fx::ReplyStarted&) {
  if (saga.started) std::exchange(saga.started, {})(saga.machine.gtid());
}

void Sagas::Perform(Saga& saga, const fx::ReplyNotStarted& reply) {
  const Error error{ErrorCode::kRetry, reply.reason, "start it again"};
  std::exchange(saga.started, {})(Fail(error));
  TellWaiters(saga, false, Fail(error));
}

void Sagas::TellWaiters(Saga& saga, bool cancelling_only, const Result<Ending>& ending) {
  std::vector<Saga::Waiter> told;
  std::erase_if(saga.waiters, [&](Saga::Waiter& waiter) {
    if (cancelling_only && !waiter.cancels) return false;
    told.push_back(std::move(waiter));
    return true;
  });
  if (!told.empty()) SETTLE_FAILPOINT("engine.before_told");
  for (const Saga::Waiter& waiter : told) {
    timers_.Cancel({saga.machine.gtid(), TimerKind::kWaiter, waiter.id});
    waiter.done(ending);
  }
}

void Sagas::Perform(Saga& saga, const fx::RefuseCancel& refuse) {
  TellWaiters(saga, true, Fail(ErrorCode::kRefused, "too late to cancel: " + refuse.reason));
}

void Sagas::Perform(Saga& saga, const fx::Refuse& refuse) {
  const Completion<std::monostate> done = std::move(saga.operators.back().done);
  saga.operators.pop_back();
  done(Fail(refuse.code, refuse.message));
}

namespace {

Result<std::monostate> Done(const std::string& not_done) {
  if (not_done.empty()) return std::monostate{};
  return Fail(ErrorCode::kRetry, not_done);
}

}  // namespace

// Of several who did the same to the same step the first one's record is written first.
void Sagas::Perform(Saga& saga, const fx::ReplyAct& reply) {
  const auto first =
      std::find_if(saga.operators.begin(), saga.operators.end(),
                   [&](const auto& one) { return one.step == reply.step && one.act == reply.act; });
  const Completion<std::monostate> done = std::move(first->done);
  saga.operators.erase(first);
  done(Done(reply.not_done));
}

void Sagas::Perform(Saga& saga, const fx::ReplyForget& reply) {
  std::vector<Saga::Operator> told;
  std::erase_if(saga.operators, [&](Saga::Operator& one) {
    if (one.act) return false;
    told.push_back(std::move(one));
    return true;
  });
  for (const Saga::Operator& one : told) one.done(Done(reply.not_done));
}

void Sagas::Perform(Saga& saga, const fx::ReplyEnded& reply) {
  if (saga.ended == 0) {
    saga.ended = out_.clock.WallNow();
    saga.Note(saga.ended, std::string(settle::ToString(reply.ending.outcome)) +
                              (reply.ending.reason.empty() ? "" : ": " + reply.ending.reason));
    if (reply.ending.outcome == Outcome::kMixed) {
      out_.observer.Event(Observer::Level::kError, saga.about(),
                          "ended with damage: " + reply.ending.reason);
    }
  }
  TellWaiters(saga, false, reply.ending);
}

void Sagas::Perform(Saga& saga, const fx::Forget&) {
  const Gtid gtid = saga.machine.gtid();
  for (const saga::Machine::Step& step : saga.machine.steps())
    timers_.Cancel({gtid, TimerKind::kStep, step.number});
  for (const TimerKind kind : {TimerKind::kDeadline, TimerKind::kLog})
    timers_.Cancel({gtid, kind, 0});
  const bool began = saga.machine.ending().cause != AbortCause::kLogRefused;
  const SagaBeginRecord& begin = saga.machine.begin();
  out_.gone({gtid, begin.origin.identity, begin.origin.owner, begin.request_key, began,
             began ? saga.machine.ending().outcome : Outcome::kUndecided, saga.begun});
  if (began) {
    const Ending& ending = saga.machine.ending();
    out_.observer.Event(Observer::Level::kDebug, saga.about(),
                        std::string(settle::ToString(ending.outcome)) +
                            (ending.reason.empty() ? "" : ": " + ending.reason));
    ended_.emplace(gtid, std::make_unique<Ended>(Ended{saga.Summary(), 0}));
  }
  running_.erase(gtid);
  if (began) WriteEnd(gtid);
}

// For people; how it ended is durable already. A crash that loses this record: it is written anew
// from that.
void Sagas::WriteEnd(const Gtid& gtid) {
  DurableAppend(out_.log, out_.observer, EndRecord{ended_.at(gtid)->summary}, Durability::kLazy,
                [this, gtid](AppendResult result, const std::string&) {
                  SETTLE_FAILPOINT("saga.ended");
                  out_.mailbox.PostAlways([this, gtid, result] { OnEndWritten(gtid, result); });
                });
}

// Without it a saga that committed would be presumed aborted by whoever asks, so it stays here
// until it is written.
void Sagas::OnEndWritten(const Gtid& gtid, AppendResult result) {
  Ended& ended = *ended_.at(gtid);
  if (result == AppendResult::kDurable) {
    ended_.erase(gtid);
    return;
  }
  timers_.Arm({gtid, TimerKind::kEnd, 0},
              After(Jittered(GrowingDelay(out_.settings, ++ended.refusals), out_.ids)));
}

}  // namespace settle::coordinator
