// What comes in: calls, answers, timers.
#include "engine/sagas.h"

#include <algorithm>
#include <utility>

#include "engine/answers.h"
#include "engine/call_places.h"
#include "engine/quarantine.h"
#include "engine/running_saga.h"
#include "saga_definition/json_text.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

constexpr std::chrono::hours kWaitMax{24 * 366};

template <typename T>
void AnswerNotFound(const Gtid& gtid, const Completion<T>& done) {
  done(Fail(ErrorCode::kNotFound, "saga " + gtid.text() + " is not running here"));
}

}  // namespace

Sagas::Sagas(Outside outside) : out_(std::move(outside)) {}
Sagas::~Sagas() = default;

Sagas::Saga* Sagas::Find(const Gtid& gtid) {
  const auto found = running_.find(gtid);
  return found == running_.end() ? nullptr : found->second.get();
}

Instant Sagas::After(std::chrono::nanoseconds delay) const {
  return out_.clock.Now() + std::chrono::duration_cast<Instant::duration>(delay);
}

void Sagas::Start(const Gtid& gtid, const StartSagaCall& call, Completion<Gtid> done) {
  if (const auto json = saga::ParseJson(call.input); !json) {
    out_.gone({gtid, call.identity, call.owner, call.request_key, false});
    return done(Fail(ErrorCode::kInvalid, "the saga's input: " + json.error().message));
  }
  const WallTime now = out_.clock.WallNow();
  auto saga = std::make_unique<Saga>(
      saga::Machine({gtid,
                     {call.owner, call.comment, now, call.identity, call.trace_parent},
                     call.request_key,
                     call.definition,
                     call.input}));
  saga->Note(now, "begun by " + call.owner);
  saga->started = std::move(done);
  saga->counts_from = saga->begun = out_.clock.Now();
  Saga& here = *saga;
  running_.emplace(gtid, std::move(saga));
  Handle(here, saga::event::Start{});
}

void Sagas::Join(const Gtid& gtid, Completion<Gtid> done) {
  Saga* saga = Find(gtid);
  if (saga == nullptr && FindNotRunning(gtid) == nullptr) return AnswerNotFound(gtid, done);
  if (saga == nullptr || !saga->started) return done(gtid);
  saga->started = [first = std::move(saga->started), done](const Result<Gtid>& started) {
    first(started);
    done(started);
  };
}

void Sagas::Restore(RestoredSaga restored) {
  if (!WhyQuarantined(restored).empty()) return Quarantine(restored);
  auto saga = std::make_unique<Saga>(saga::Machine(std::move(restored.begin), restored.later));
  const Origin& origin = saga->machine.begin().origin;
  saga->Note(origin.began, "begun by " + origin.owner);
  saga->Note(out_.clock.WallNow(),
             "recovered from the log in epoch " + std::to_string(out_.log.identity().epoch));
  // How much time passed in earlier lives is known to the wall clock alone, which may have been
  // set.
  const std::chrono::milliseconds deadline(saga->machine.begin().definition.deadline_ms);
  const std::chrono::microseconds passed(out_.clock.WallNow() - origin.began);
  saga->counts_from =
      out_.clock.Now() - std::clamp<std::chrono::microseconds>(passed, {}, deadline);
  for (const SagaRecord& record : restored.later) {
    if (const auto* end = std::get_if<SagaEndRecord>(&record)) saga->ended = end->ended;
  }
  Saga& here = *saga;
  running_.emplace(here.machine.gtid(), std::move(saga));
  SETTLE_FAILPOINT("saga.restored");
  Handle(here, saga::event::Restored{});
}

void Sagas::AddWaiter(Saga& saga, bool cancels, std::chrono::milliseconds wait,
                      Completion<Ending> done) {
  const std::uint64_t id = next_waiter_++;
  saga.waiters.push_back({id, cancels, std::move(done)});
  const auto at_most = std::clamp<std::chrono::milliseconds>(wait, {}, kWaitMax);
  timers_.Arm({saga.machine.gtid(), TimerKind::kWaiter, id}, After(at_most));
}

void Sagas::Await(const Gtid& gtid, std::chrono::milliseconds wait, Completion<Ending> done) {
  Saga* saga = Find(gtid);
  if (saga == nullptr) {
    if (const auto* summary = FindNotRunning(gtid)) return done(summary->ending);
    return AnswerNotFound(gtid, done);
  }
  if (saga->machine.ending().outcome != Outcome::kUndecided) return done(saga->machine.ending());
  AddWaiter(*saga, false, wait, std::move(done));
}

void Sagas::Cancel(const Gtid& gtid, AbortCause cause, const std::string& reason,
                   std::chrono::milliseconds wait, Completion<Ending> done) {
  Saga* saga = Find(gtid);
  if (saga == nullptr) return Await(gtid, wait, std::move(done));
  AddWaiter(*saga, true, wait, std::move(done));
  saga->Note(out_.clock.WallNow(), "cancel asked for: " + reason);
  Handle(*saga, saga::event::CancelRequested{cause, reason});
  if (SETTLE_PLANTED_BUG(kCancelAnsweredBeforeItIsDurable) && saga->machine.abort().aborted())
    TellWaiters(*saga, true, saga->machine.abort());
}

bool Sagas::Answered(const std::set<std::string>& serves, SagaAnswer answer) {
  Saga* saga = Find(answer.key.gtid);
  if (saga == nullptr) return true;
  const auto& steps = saga->machine.steps();
  const BranchNumber number = answer.key.number;
  if (number == 0 || number > steps.size() ||
      !serves.contains(saga->machine.definition(steps[number - 1]).participant)) {
    return false;
  }
  PassAnswered(answer.op);
  const Answer sane = Sane(std::move(answer.answer));
  saga->Note(out_.clock.WallNow(),
             saga->NameOf(number) + ": " + settle::ToString(answer.op) + " " +
                 settle::ToString(sane.kind) +
                 (sane.kind == AnswerKind::kDone || sane.text.empty() ? "" : ", " + sane.text));
  Handle(*saga, saga::event::Answered{number, answer.op, answer.attempt, sane});
  return true;
}

void Sagas::ParticipantReady(const std::string& participant) {
  // What comes of it may end no saga: sending is all that it can do.
  for (const auto& [gtid, saga] : running_) {
    const auto& steps = saga->machine.begin().definition.steps;
    const bool concerned = std::any_of(steps.begin(), steps.end(), [&](const auto& step) {
      return step.participant == participant;
    });
    if (concerned) Handle(*saga, saga::event::ParticipantReady{participant});
  }
}

void Sagas::Act(const SagaActCall& call, Completion<std::monostate> done) {
  Saga* saga = Find(call.gtid);
  if (saga == nullptr) return AnswerNotFound(call.gtid, done);
  saga->operators.push_back({call.step, call.act, std::move(done)});
  switch (call.act) {
    case SagaAct::kSkip:
      return Handle(*saga, saga::event::SkipRequested{call.step, call.by, call.reason});
    case SagaAct::kSetInput:
      return Handle(*saga, saga::event::InputSet{call.step, call.input, call.by, call.reason});
  }
}

void Sagas::Retry(const Gtid& gtid, BranchNumber step, const Completion<Hurried>& done) {
  Saga* saga = Find(gtid);
  if (saga == nullptr) return AnswerNotFound(gtid, done);
  Hurried hurried;
  saga->AddOutstanding(hurried, [&](const auto& one) { return step == 0 || one.number == step; });
  const std::size_t others = saga->operators.size();
  saga->operators.push_back({step, std::nullopt, [done](Result<std::monostate> refused) {
                               done(Fail(std::move(refused).error()));
                             }});
  Handle(*saga, saga::event::RetryRequested{step});
  if (saga->operators.size() == others) return;  // it was refused, and answered
  saga->operators.pop_back();
  done(std::move(hurried));
}

void Sagas::Forget(const ForgetCall& call, Completion<std::monostate> done) {
  if (quarantined_.contains(call.gtid)) return ForgetQuarantined(call, done);
  Saga* saga = Find(call.gtid);
  if (saga == nullptr) return AnswerNotFound(call.gtid, done);
  saga->operators.push_back({0, std::nullopt, std::move(done)});
  Handle(*saga, saga::event::ForgetRequested{call.operator_name, call.reason});
}

std::optional<Instant> Sagas::FireDue() {
  while (const std::optional<TimerKey> due = timers_.TakeDue(out_.clock.Now())) Fire(*due);
  return timers_.Next();
}

void Sagas::Fire(const TimerKey& key) {
  if (key.kind == TimerKind::kEnd) return WriteEnd(key.gtid);
  Saga* saga = Find(key.gtid);
  if (saga == nullptr) return;
  switch (key.kind) {
    case TimerKind::kStep:
      return Handle(*saga, saga::event::StepTimerFired{static_cast<BranchNumber>(key.number),
                                                       saga->times[key.number - 1].unserved});
    case TimerKind::kDeadline: return Handle(*saga, saga::event::DeadlineReached{});
    case TimerKind::kLog: return Handle(*saga, saga::event::LogTimerFired{});
    case TimerKind::kWaiter: {
      const auto waiter = std::find_if(saga->waiters.begin(), saga->waiters.end(),
                                       [&](const auto& one) { return one.id == key.number; });
      const Completion<Ending> done = std::move(waiter->done);
      saga->waiters.erase(waiter);
      return done(saga->machine.ending());
    }
    case TimerKind::kEnd: return;
  }
}

}  // namespace settle::coordinator
