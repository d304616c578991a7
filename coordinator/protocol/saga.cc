// Beginning, going forward, and what the log answers.
#include "protocol/saga.h"

#include <algorithm>
#include <utility>

#include "protocol/saga_parts.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator::saga {
namespace {

bool IsSettledForward(const Machine::Step& step) {
  return step.state == Machine::StepState::kDone || step.state == Machine::StepState::kSkipped;
}

}  // namespace

Machine::Machine(SagaBeginRecord begin) : begin_(std::move(begin)) { TakeDefinition(); }

void Machine::TakeDefinition() {
  const std::vector<StepDefinition>& definitions = begin_.definition.steps;
  const auto position_of = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find_if(definitions.begin(), definitions.end(),
                                                 [&](const auto& d) { return d.name == name; }) -
                                    definitions.begin());
  };
  for (const StepDefinition& definition : definitions) {
    Step step;
    step.number = static_cast<BranchNumber>(steps_.size() + 1);
    steps_.push_back(std::move(step));
    std::vector<std::size_t>& before = before_.emplace_back();
    for (const std::string& name : definition.after) before.push_back(position_of(name));
  }
  const auto is_placed = [this](std::size_t position) {
    return std::find(order_.begin(), order_.end(), position) != order_.end();
  };
  for (bool more = true; more;) {
    more = false;
    for (std::size_t position = 0; position < steps_.size(); ++position) {
      const auto& before = before_[position];
      if (is_placed(position) || !std::all_of(before.begin(), before.end(), is_placed)) continue;
      order_.push_back(position);
      more = true;
    }
  }
}

Effects Machine::Handle(const Event& event) {
  return std::visit([this](const auto& e) { return On(e); }, event);
}

const StepDefinition& Machine::definition(const Step& step) const {
  return begin_.definition.steps[step.number - 1];
}

Machine::Step* Machine::Find(BranchNumber number) {
  if (number == 0 || number > steps_.size()) return nullptr;
  return &steps_[number - 1];
}

effect::Persist Machine::Force(SagaRecord record) {
  writing_.push_back(record);
  return {std::move(record), Durability::kForce};
}

Effects Machine::On(const event::Start&) {
  if (state_ != State::kBeginning || !writing_.empty()) return {};
  return {Force(begin_)};
}

Effects Machine::On(const event::Persisted&) {
  if (writing_.empty()) return {};
  const SagaRecord record = std::move(writing_.front());
  writing_.erase(writing_.begin());
  return std::visit([this](const auto& one) { return OnDurable(one); }, record);
}

Effects Machine::On(const event::PersistRefused& event) {
  if (writing_.empty()) return {};
  const SagaRecord record = std::move(writing_.front());
  writing_.erase(writing_.begin());
  return std::visit([&](const auto& one) { return OnRefused(one, event.reason); }, record);
}

Effects Machine::OnDurable(const SagaBeginRecord&) {
  state_ = State::kRunning;  // the first call is sent from here and nowhere else
  Effects effects{effect::ReplyStarted{}};
  if (cancel_) {
    Add(effects, StartAbort(*std::exchange(cancel_, std::nullopt)));
    return effects;
  }
  if (begin_.definition.deadline_ms > 0)
    effects.push_back(effect::ArmDeadline{begin_.definition.deadline_ms});
  Add(effects, Advance());
  return effects;
}

Effects Machine::OnRefused(const SagaBeginRecord&, const std::string& reason) {
  state_ = State::kDone;
  ending_ = {Outcome::kAborted, AbortCause::kLogRefused, "the saga could not be stored: " + reason,
             true};
  return {effect::ReplyNotStarted{ending_.reason}, effect::Forget{}};
}

Effects Machine::Advance() {
  switch (state_) {
    case State::kRunning: return AdvanceForward();
    case State::kCompensating: return AdvanceBackward();
    case State::kBeginning:
    case State::kFencing:
    case State::kStopping:
    case State::kEnding:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {};
  }
  return {};
}

Effects Machine::AdvanceForward() {
  Effects effects;
  for (Step& step : steps_) {
    if (step.state != StepState::kWaiting) continue;
    const auto& before = before_[step.number - 1];
    const bool ready = std::all_of(before.begin(), before.end(), [this](std::size_t position) {
      return IsSettledForward(steps_[position]);
    });
    if (!ready) continue;
    Add(effects, Begin(step, StepState::kRunning));
    if (state_ != State::kRunning) return effects;  // it failed without a call
  }
  if (std::all_of(steps_.begin(), steps_.end(), IsSettledForward)) Add(effects, End());
  return effects;
}

Effects Machine::On(const event::Answered& event) {
  Step* step = Find(event.step);
  if (step == nullptr) return {};
  if (SETTLE_PLANTED_BUG(kAnswerOfAnotherCallCounted) && step->state == StepState::kUndoing)
    return AnsweredCompensation(*step, event);
  switch (event.op) {
    case ActionOp::kAction: return AnsweredAction(*step, event);
    case ActionOp::kCompensate: return AnsweredCompensation(*step, event);
    case ActionOp::kFence: return AnsweredFence(*step, event);
    case ActionOp::kTry:
    case ActionOp::kConfirm:
    case ActionOp::kCancel: return {};
  }
  return {};
}

// While the saga is being stopped an answer only adds to what is known.
Effects Machine::AnsweredAction(Step& step, const event::Answered& event) {
  const bool goes_forward = state_ == State::kRunning;
  if (step.state == StepState::kFencing) {
    // The pivot's own answer may cross the fence; it says the same.
    if (event.answer.kind == AnswerKind::kDone) return PivotHasRun(step, event.answer.text);
    return {};
  }
  if (step.state != StepState::kRunning) return {};
  switch (event.answer.kind) {
    case AnswerKind::kDone: return TakeDone(step, event.answer.text);
    case AnswerKind::kFailed:
      if (past_pivot_) return IsAwaited(step, event) ? Stuck(step, event.answer.text) : Effects{};
      if (goes_forward) return Fail(step, event.answer.text);
      step.state = StepState::kFailed;
      step.last_error = event.answer.text;
      return {};
    case AnswerKind::kOngoing:
      return goes_forward && IsNews(step, event) ? Poll(step, event.answer.poll_after_ms)
                                                 : Effects{};
    case AnswerKind::kUnknown:
      return goes_forward && IsAwaited(step, event) ? Fruitless(step, event.answer.text)
                                                    : Effects{};
    case AnswerKind::kSuppressed:
      if (SETTLE_PLANTED_BUG(kSuppressedTakenForDone)) return TakeDone(step, "");
      return goes_forward ? Suppressed(step) : Effects{};
  }
  return {};
}

Effects Machine::TakeDone(Step& step, const std::string& result) {
  step.state = StepState::kDone;
  step.waits = Waits::kForNothing;
  step.result = result.empty() ? "null" : result;
  step.last_error.clear();
  // Crash before this is durable: the action is called again and answers the same.
  Effects effects{
      effect::StopTimer{step.number},
      effect::Persist{SagaStepRecord{gtid(), step.number, ActionOp::kAction, step.result},
                      Durability::kLazy}};
  if (definition(step).kind == StepKind::kPivot) {
    past_pivot_ = true;
    if (begin_.definition.deadline_ms > 0 && !SETTLE_PLANTED_BUG(kDeadlineAfterThePivot))
      effects.push_back(effect::StopDeadline{});
  }
  Add(effects, Advance());
  return effects;
}

// Definitively: before the pivot the saga turns back, after it there is no way but forward.
Effects Machine::Fail(Step& step, const std::string& reason) {
  if (past_pivot_) return Stuck(step, reason);
  step.state = StepState::kFailed;
  step.last_error = reason;
  return StartAbort({Outcome::kAborted, AbortCause::kStepFailed,
                     "step " + NameOf(step) + " failed: " + reason, false});
}

// The participant says that the step was never done and cannot be done any more: its fence or its
// compensation went before, and the coordinator crashed before it wrote down that it turns back.
Effects Machine::Suppressed(Step& step) {
  const std::string reason = "it was fenced before it was done, and cannot be done any more";
  if (past_pivot_) return Stuck(step, reason);
  if (definition(step).kind != StepKind::kPivot) return Fail(step, reason);
  step.state = StepState::kFenced;
  step.last_error = reason;
  return StartAbort({Outcome::kAborted, AbortCause::kStepFailed,
                     "step " + NameOf(step) + " failed: " + reason, false});
}

Effects Machine::On(const event::DeadlineReached&) {
  const bool too_late = past_pivot_ && !SETTLE_PLANTED_BUG(kDeadlineAfterThePivot);
  if (state_ != State::kRunning || too_late) return {};
  return StartAbort({Outcome::kAborted, AbortCause::kDeadline,
                     "the saga was not done before its deadline", true});
}

Effects Machine::On(const event::CancelRequested& event) {
  const Ending ending{Outcome::kAborted, event.cause, event.reason, false};
  switch (state_) {
    case State::kBeginning:
      if (!cancel_) cancel_ = ending;
      return {};
    case State::kRunning:
      if (past_pivot_) {
        return {effect::RefuseCancel{"its pivot is done: from there on a saga only goes forward"}};
      }
      return StartAbort(ending);
    case State::kFencing:
    case State::kStopping:
    case State::kCompensating:
    case State::kEnding: return {};  // told when it has ended
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {effect::ReplyEnded{ending_}};
  }
  return {};
}

}  // namespace settle::coordinator::saga
