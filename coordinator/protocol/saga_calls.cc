// Calls: sending, repeating, giving up the hope of a quick answer.
#include <algorithm>
#include <utility>

#include "protocol/saga.h"
#include "protocol/saga_parts.h"
#include "saga_definition/references.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator::saga {
namespace {

// A participant that says "ask again at once" must not make a hot loop, one that says "next year"
// must not be forgotten.
constexpr Milliseconds kPollMin = 100;
constexpr Milliseconds kPollMax = 86'400'000;

Milliseconds DelayAfter(const RetryPolicy& retry, int fruitless) {
  if (retry.factor_percent == 100) return retry.first_ms;
  Milliseconds delay = retry.first_ms;
  for (int i = 1; i < fruitless && delay < retry.maximum_ms; ++i)
    delay = (delay * retry.factor_percent + 99) / 100;  // rounded up, or a short one never grew
  return std::min(delay, retry.maximum_ms);
}

ActionOp OpOf(Machine::StepState state) {
  switch (state) {
    case Machine::StepState::kFencing: return ActionOp::kFence;
    case Machine::StepState::kUndoing: return ActionOp::kCompensate;
    case Machine::StepState::kRunning:
    case Machine::StepState::kWaiting:
    case Machine::StepState::kDone:
    case Machine::StepState::kFailed:
    case Machine::StepState::kFenced:
    case Machine::StepState::kToUndo:
    case Machine::StepState::kUndone:
    case Machine::StepState::kSkipping:
    case Machine::StepState::kSkipped: return ActionOp::kAction;
  }
  return ActionOp::kAction;
}

}  // namespace

bool Machine::IsOutstanding(const Step& step) const {
  return (state_ == State::kRunning && step.state == StepState::kRunning) ||
         (state_ == State::kFencing && step.state == StepState::kFencing) ||
         (state_ == State::kCompensating && step.state == StepState::kUndoing);
}

Effects Machine::Begin(Step& step, StepState state) {
  step.state = state;
  step.attempts = 0;
  step.fruitless = 0;
  step.alarmed = false;
  return Send(step);
}

Result<std::string> Machine::InputOf(const Step& step) const {
  if (!step.input.empty()) return step.input;
  return ResolveInput(definition(step).input, begin_.input, [this](const std::string& name) {
    const auto named = std::find_if(steps_.begin(), steps_.end(), [&](const Step& other) {
      if (SETTLE_PLANTED_BUG(kResultOfAnotherStep)) return !other.result.empty();
      return NameOf(other) == name;
    });
    return named == steps_.end() || named->result.empty() ? nullptr : &named->result;
  });
}

Effects Machine::Send(Step& step) {
  const ActionOp op = OpOf(step.state);
  const Result<std::string> input = InputOf(step);
  if (op == ActionOp::kAction && !input) {
    return Fail(step, "its input cannot be made: " + input.error().message);
  }
  const StepDefinition& definition = this->definition(step);
  if (op == ActionOp::kAction) step.maybe_sent = true;
  step.waits = Waits::kForAnswer;
  effect::Call call{op, step.number, definition.participant, definition.action, ++step.attempts,
                    "", "",          definition.timeout_ms};
  if (op != ActionOp::kFence) call.input = input.value_or("");
  if (op == ActionOp::kCompensate) call.result = step.result;
  return {std::move(call)};
}

Effects Machine::SendOutstanding(const std::function<bool(const Step&)>& wanted) {
  Effects effects;
  for (Step& step : steps_) {
    if (IsOutstanding(step) && wanted(step)) Add(effects, Send(step));
  }
  return effects;
}

bool Machine::IsAwaited(const Step& step, const event::Answered& event) {
  return event.attempt == step.attempts && step.waits == Waits::kForAnswer;
}

// "Ongoing" is worth hearing after the time-out too.
bool Machine::IsNews(const Step& step, const event::Answered& event) {
  return event.attempt == step.attempts && step.waits != Waits::kPoll;
}

// A call brought no result: it is repeated, for ever unless the step may give up.
Effects Machine::Fruitless(Step& step, const std::string& why) {
  const RetryPolicy& retry = definition(step).retry;
  const bool may_fail = step.state == StepState::kRunning && !past_pivot_;
  if (may_fail && retry.attempts_max > 0 && step.fruitless + 1 >= retry.attempts_max) {
    return Fail(step, "no result after " + std::to_string(step.fruitless + 1) +
                          " calls; the last one: " + why);
  }
  if (step.fruitless + 1 >= kAlarmAfter) return Stuck(step, why);
  step.last_error = why;
  return BackOff(step);
}

Effects Machine::Stuck(Step& step, const std::string& why) {
  step.last_error = why;
  Effects effects;
  if (!std::exchange(step.alarmed, true)) {
    effects.push_back(effect::Alarm{step.number, "step " + NameOf(step) + " does not get on: " +
                                                     why + "; it is tried again and again"});
  }
  Add(effects, BackOff(step));
  return effects;
}

Effects Machine::BackOff(Step& step) {
  ++step.fruitless;
  step.waits = Waits::kBackOff;
  if (SETTLE_PLANTED_BUG(kNoPauseBeforeTheNextCall)) return Send(step);
  const RetryPolicy& retry = definition(step).retry;
  return {effect::Pause{step.number, DelayAfter(retry, step.fruitless), retry.jitter_percent}};
}

Effects Machine::Poll(Step& step, Milliseconds after_ms) {
  step.fruitless = 0;
  step.alarmed = false;
  step.last_error.clear();
  step.waits = Waits::kPoll;
  if (SETTLE_PLANTED_BUG(kOngoingNeverAskedAgain)) return {effect::StopTimer{step.number}};
  // When it was told to, and no later.
  return {effect::Pause{step.number, std::clamp(after_ms, kPollMin, kPollMax), 0}};
}

Effects Machine::On(const event::StepTimerFired& event) {
  Step* step = Find(event.step);
  if (step == nullptr || !IsOutstanding(*step)) return {};
  switch (step->waits) {
    case Waits::kForNothing: return {};
    case Waits::kForAnswer:
      return Fruitless(
          *step, event.unserved
                     ? NobodyServes(definition(*step).participant)
                     : "no answer within " + std::to_string(definition(*step).timeout_ms) + " ms");
    case Waits::kBackOff:
    case Waits::kPoll: return Send(*step);
  }
  return {};
}

Effects Machine::On(const event::ParticipantReady& event) {
  return SendOutstanding([&](const Step& step) {
    return definition(step).participant == event.participant && step.waits != Waits::kPoll;
  });
}

Effects Machine::On(const event::RetryRequested& event) {
  Effects effects = SendOutstanding(
      [&](const Step& step) { return event.step == 0 || event.step == step.number; });
  if (!effects.empty()) return effects;
  return {effect::Refuse{ErrorCode::kRefused, event.step == 0
                                                  ? "the saga waits for no participant now"
                                                  : "the step waits for no participant now"}};
}

}  // namespace settle::coordinator::saga
