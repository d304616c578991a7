// Turning back: the fence, compensations in reverse order, the end.
#include <algorithm>
#include <utility>

#include "protocol/saga.h"
#include "protocol/saga_parts.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator::saga {
namespace {

constexpr std::size_t kReasonBytesEnough = 8 * 1024;

}  // namespace

// Nothing more is sent forward. What was sent may still take effect at any time, so it is undone as
// well; only a pivot cannot be, so whether it ran must be settled first.
Effects Machine::StartAbort(Ending ending) {
  abort_ = std::move(ending);
  Effects effects;
  if (begin_.definition.deadline_ms > 0) effects.push_back(effect::StopDeadline{});
  for (Step& step : steps_) {
    if (step.waits == Waits::kForNothing) continue;
    step.waits = Waits::kForNothing;
    effects.push_back(effect::StopTimer{step.number});
  }
  const bool unfenced = SETTLE_PLANTED_BUG(kPivotGivenUpWithoutFence) ||
                        (SETTLE_PLANTED_BUG(kDeadlineAfterThePivot) && past_pivot_);
  for (Step& step : steps_) {
    const bool is_pivot = definition(step).kind == StepKind::kPivot;
    if (unfenced || !is_pivot || !step.maybe_sent || step.state == StepState::kFenced) continue;
    state_ = State::kFencing;
    Add(effects, Begin(step, StepState::kFencing));
    return effects;
  }
  Add(effects, Stop());
  return effects;
}

Effects Machine::AnsweredFence(Step& pivot, const event::Answered& event) {
  if (pivot.state != StepState::kFencing) return {};
  switch (event.answer.kind) {
    case AnswerKind::kDone: return PivotHasRun(pivot, event.answer.text);
    case AnswerKind::kSuppressed: {
      pivot.state = StepState::kFenced;
      pivot.waits = Waits::kForNothing;
      // Crash before the aborting record is durable: the pivot is called again, answers that it was
      // fenced, and the saga turns back once more.
      Effects effects{effect::StopTimer{pivot.number}};
      Add(effects, Stop());
      return effects;
    }
    case AnswerKind::kFailed:
      return IsAwaited(pivot, event) ? Stuck(pivot, event.answer.text) : Effects{};
    case AnswerKind::kOngoing:
    case AnswerKind::kUnknown:
      return IsAwaited(pivot, event) ? Fruitless(pivot, event.answer.text) : Effects{};
  }
  return {};
}

// Too late to turn back. What was stopped goes on, a step that had failed included.
Effects Machine::PivotHasRun(Step& pivot, const std::string& result) {
  state_ = State::kRunning;
  const std::string why = "its pivot " + NameOf(pivot) +
                          " has run: from there on a saga only goes forward. It was to be undone "
                          "because: " +
                          abort_.reason;
  abort_ = {Outcome::kUndecided, AbortCause::kNone, "", false};
  Effects effects{effect::RefuseCancel{why}};
  Add(effects, TakeDone(pivot, result));
  for (Step& step : steps_) {
    const bool was_stopped = step.waits == Waits::kForNothing;
    if (step.state == StepState::kFailed || (step.state == StepState::kRunning && was_stopped)) {
      step.state = StepState::kRunning;
      Add(effects, Send(step));
    }
  }
  return effects;
}

Effects Machine::Stop() {
  std::vector<BranchNumber> compensate;
  for (const Step& step : steps_) {
    if (SETTLE_PLANTED_BUG(kOnlyKnownDoneCompensated) && step.state != StepState::kDone) continue;
    if (SETTLE_PLANTED_BUG(kFailedStepNotCompensated) && step.state == StepState::kFailed) continue;
    if (step.maybe_sent && definition(step).kind == StepKind::kCompensatable)
      compensate.push_back(step.number);
  }
  if (compensate.empty()) return End();  // nothing to undo: the end record says all
  state_ = State::kStopping;
  return {Force(SagaAbortingRecord{gtid(), abort_, 0, std::move(compensate)})};
}

Effects Machine::OnDurable(const SagaAbortingRecord& record) {
  state_ = State::kCompensating;  // the first compensation is sent from here and nowhere else
  refusals_ = 0;
  for (const BranchNumber number : record.compensate) Find(number)->state = StepState::kToUndo;
  return Advance();
}

Effects Machine::OnRefused(const SagaAbortingRecord&, const std::string&) {
  return {effect::ArmLogTimer{++refusals_}};
}

// A step is undone once all that rests on it, directly or not, is.
Effects Machine::AdvanceBackward() {
  Effects effects;
  std::vector<bool> blocked(steps_.size(), false);  // something that comes after it stands
  bool open = false;
  std::vector<std::size_t> order(order_.rbegin(), order_.rend());
  if (SETTLE_PLANTED_BUG(kCompensationsInForwardOrder)) order = order_;
  for (const std::size_t position : order) {
    Step& step = steps_[position];
    const bool stands = step.state == StepState::kToUndo || step.state == StepState::kUndoing ||
                        step.state == StepState::kSkipping;
    open = open || stands;
    if (step.state == StepState::kToUndo && !blocked[position])
      Add(effects, Begin(step, StepState::kUndoing));
    if (!stands && !blocked[position]) continue;
    for (const std::size_t before : before_[position]) blocked[before] = true;
  }
  if (!open) Add(effects, End());
  return effects;
}

Effects Machine::AnsweredCompensation(Step& step, const event::Answered& event) {
  if (step.state != StepState::kUndoing) return {};
  switch (event.answer.kind) {
    case AnswerKind::kDone: {
      step.state = StepState::kUndone;
      step.waits = Waits::kForNothing;
      step.last_error.clear();
      // Crash before this is durable: the compensation is called again and answers the same.
      Effects effects{effect::StopTimer{step.number},
                      effect::Persist{SagaStepRecord{gtid(), step.number, ActionOp::kCompensate,
                                                     event.answer.text},
                                      Durability::kLazy}};
      Add(effects, Advance());
      return effects;
    }
    case AnswerKind::kFailed:  // that is no answer: it must be done
      if (SETTLE_PLANTED_BUG(kFailedCompensationTakenForDone))
        return AnsweredCompensation(
            step, {event.step, event.op, event.attempt, {AnswerKind::kDone, "null", 0}});
      return IsAwaited(step, event) ? Stuck(step, event.answer.text) : Effects{};
    case AnswerKind::kOngoing:
      return IsNews(step, event) ? Poll(step, event.answer.poll_after_ms) : Effects{};
    case AnswerKind::kUnknown:
    case AnswerKind::kSuppressed:
      return IsAwaited(step, event) ? Fruitless(step, event.answer.text) : Effects{};
  }
  return {};
}

Effects Machine::End() {
  state_ = State::kEnding;  // the answer is given from OnDurable and nowhere else
  Ending ending =
      abort_.aborted() ? abort_ : Ending{Outcome::kCommitted, AbortCause::kNone, "", false};
  for (const std::string& damage : damage_) {
    ending.outcome = Outcome::kMixed;
    // A record holds no longer text. What is left out stays with its step.
    if (ending.reason.size() > kReasonBytesEnough) continue;
    ending.reason += (ending.reason.empty() ? "" : "; ") + damage;
  }
  Effects effects{Force(SagaEndRecord{gtid(), ending, 0})};
  if (SETTLE_PLANTED_BUG(kSagaEndToldBeforeItIsDurable))
    effects.push_back(effect::ReplyEnded{ending});
  return effects;
}

Effects Machine::OnDurable(const SagaEndRecord& record) {
  ending_ = record.ending;
  state_ = damage_.empty() ? State::kDone : State::kDamaged;
  Effects effects{effect::ReplyEnded{ending_}};
  if (state_ == State::kDone) effects.push_back(effect::Forget{});
  return effects;
}

Effects Machine::OnRefused(const SagaEndRecord&, const std::string&) {
  return {effect::ArmLogTimer{++refusals_}};
}

Effects Machine::On(const event::LogTimerFired&) {
  if (!writing_.empty()) return {};
  if (state_ == State::kStopping) return Stop();
  if (state_ == State::kEnding) return End();
  return {};
}

}  // namespace settle::coordinator::saga
