// What operators do about a step that is stuck, and rebuilding the machine from the log.
#include <utility>

#include "protocol/saga.h"
#include "protocol/saga_parts.h"
#include "saga_definition/json_text.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator::saga {

// Only for what must happen and does not: a compensation, or a step after the pivot.
std::optional<std::string> Machine::WhyNoAct(const Step* step) const {
  if (step == nullptr) return "the saga has no such step";
  if (step->state == StepState::kSkipping) return "step " + NameOf(*step) + " is being skipped";
  const bool must_happen = step->state == StepState::kUndoing || past_pivot_;
  if (!IsOutstanding(*step) || !must_happen) {
    return "step " + NameOf(*step) + " is " + ToString(step->state) +
           ": only a compensation, or a step after the pivot, can be helped by hand";
  }
  if (step->fruitless == 0 && step->waits != Waits::kPoll) {
    return "step " + NameOf(*step) +
           " may yet be done by its first call: that can be acted on once it has failed, or was "
           "not "
           "answered for " +
           std::to_string(definition(*step).timeout_ms) + " ms";
  }
  return std::nullopt;
}

Effects Machine::On(const event::SkipRequested& event) {
  Step* step = Find(event.step);
  if (const auto why = WhyNoAct(step)) return {effect::Refuse{ErrorCode::kRefused, *why}};
  // From now on its answers count for nothing: the log may have the skip already, and what the log
  // calls damage must not be told otherwise.
  step->state = StepState::kSkipping;
  step->waits = Waits::kForNothing;
  return {effect::StopTimer{step->number}, Force(SagaActRecord{gtid(), step->number, SagaAct::kSkip,
                                                               "", event.by, event.reason, 0})};
}

Effects Machine::On(const event::InputSet& event) {
  Step* step = Find(event.step);
  if (const auto why = WhyNoAct(step)) return {effect::Refuse{ErrorCode::kRefused, *why}};
  if (const auto json = ParseJson(event.input); !json) {
    return {effect::Refuse{ErrorCode::kInvalid, json.error().message}};
  }
  return {Force(SagaActRecord{gtid(), step->number, SagaAct::kSetInput, event.input, event.by,
                              event.reason, 0})};
}

Effects Machine::OnDurable(const SagaActRecord& record) {
  Step& step = *Find(record.step);
  Effects effects{effect::ReplyAct{record.step, record.act, ""}};
  Take(record);
  switch (record.act) {
    case SagaAct::kSkip: Add(effects, Advance()); break;
    case SagaAct::kSetInput:
      if (IsOutstanding(step)) Add(effects, Send(step));
      break;
  }
  return effects;
}

Effects Machine::OnRefused(const SagaActRecord& record, const std::string& reason) {
  Step& step = *Find(record.step);
  Effects effects{effect::ReplyAct{record.step, record.act, "it could not be stored: " + reason}};
  // Another act on the step may have been refused while its skip is on its way.
  if (record.act == SagaAct::kSkip && step.state == StepState::kSkipping) {
    step.state = state_ == State::kCompensating ? StepState::kUndoing : StepState::kRunning;
    Add(effects, Send(step));
  }
  return effects;
}

Effects Machine::On(const event::ForgetRequested& event) {
  if (state_ == State::kForgetting) {
    const auto& first = std::get<ForgetRecord>(writing_.back());
    if (first.operator_name == event.by && first.reason == event.reason) return {};
    return {effect::Refuse{
        ErrorCode::kRefused,
        "operator " + first.operator_name + " is forgetting it at this moment: " + first.reason}};
  }
  if (state_ != State::kDamaged) {
    return {effect::Refuse{ErrorCode::kRefused, std::string("it is ") + ToString(state_) +
                                                    ", and only what is damaged can be forgotten"}};
  }
  state_ = State::kForgetting;
  return {Force(ForgetRecord{gtid(), ending_, event.by, event.reason, 0})};
}

Effects Machine::OnDurable(const ForgetRecord& record) {
  Take(record);
  return {effect::ReplyForget{""}, effect::Forget{}};
}

Effects Machine::OnRefused(const ForgetRecord&, const std::string& reason) {
  state_ = State::kDamaged;
  return {effect::ReplyForget{
      "the log could not store that it is forgotten, so it stays damaged: " + reason}};
}

// Whatever has no record may have been sent in an earlier life: results are lazy.
Machine::Machine(SagaBeginRecord begin, const std::vector<SagaRecord>& later)
    : begin_(std::move(begin)), state_(State::kRunning) {
  TakeDefinition();
  for (Step& step : steps_) step.maybe_sent = !SETTLE_PLANTED_BUG(kRecoveryForgetsWhatWasSent);
  for (const SagaRecord& record : later) {
    std::visit([this](const auto& one) { Take(one); }, record);
  }
}

void Machine::Take(const SagaStepRecord& record) {
  Step* step = Find(record.step);
  if (step == nullptr) return;
  switch (record.op) {
    case ActionOp::kAction:
      step->result = record.result;
      if (step->state == StepState::kToUndo) return;  // it came while the saga was being stopped
      step->state = StepState::kDone;
      past_pivot_ = past_pivot_ || definition(*step).kind == StepKind::kPivot;
      return;
    case ActionOp::kCompensate: step->state = StepState::kUndone; return;
    case ActionOp::kFence:
    case ActionOp::kTry:
    case ActionOp::kConfirm:
    case ActionOp::kCancel: return;
  }
}

void Machine::Take(const SagaAbortingRecord& record) {
  if (SETTLE_PLANTED_BUG(kAbortingRecordNotReplayed)) return;
  state_ = State::kCompensating;
  abort_ = record.ending;
  for (Step& step : steps_) step.maybe_sent = false;
  for (const BranchNumber number : record.compensate) {
    Step* step = Find(number);
    if (step == nullptr) continue;
    step->maybe_sent = true;
    step->state = StepState::kToUndo;
  }
}

void Machine::Take(const SagaActRecord& record) {
  Step* step = Find(record.step);
  if (step == nullptr) return;
  switch (record.act) {
    case SagaAct::kSkip:
      step->state = StepState::kSkipped;
      step->last_error = "skipped by " + record.by + ": " + record.reason;
      if (step->result.empty()) step->result = "null";  // what refers to it finds nothing there
      if (SETTLE_PLANTED_BUG(kSkippedStepNotDamage)) return;
      damage_.push_back(
          std::string(state_ == State::kCompensating ? "the compensation of step " : "step ") +
          NameOf(*step) + " was skipped by " + record.by + ": " + record.reason);
      return;
    case SagaAct::kSetInput: step->input = record.input; return;
  }
}

void Machine::Take(const SagaEndRecord& record) {
  ending_ = record.ending;
  state_ = damage_.empty() ? State::kDone : State::kDamaged;
}

void Machine::Take(const ForgetRecord& record) {
  state_ = State::kDone;
  ending_ = record.ending;
  ending_.reason =
      ForgottenBy(record.operator_name, record.reason) + "; damage: " + record.ending.reason;
}

Effects Machine::On(const event::Restored&) {
  switch (state_) {
    case State::kRunning: {
      Effects effects;
      if (begin_.definition.deadline_ms > 0 && !past_pivot_)
        effects.push_back(effect::ArmDeadline{begin_.definition.deadline_ms});
      Add(effects, Advance());
      return effects;
    }
    case State::kCompensating: return Advance();
    case State::kDone: return {effect::Forget{}};
    case State::kBeginning:
    case State::kFencing:
    case State::kStopping:
    case State::kEnding:
    case State::kDamaged:
    case State::kForgetting: return {};
  }
  return {};
}

const char* ToString(Machine::State state) {
  switch (state) {
    case Machine::State::kBeginning: return "beginning";
    case Machine::State::kRunning: return "running";
    case Machine::State::kFencing: return "fencing";
    case Machine::State::kStopping: return "stopping";
    case Machine::State::kCompensating: return "compensating";
    case Machine::State::kEnding: return "ending";
    case Machine::State::kDamaged: return "damaged";
    case Machine::State::kForgetting: return "forgetting";
    case Machine::State::kDone: return "done";
  }
  return "unrecognised";
}

const char* ToString(Machine::StepState state) {
  switch (state) {
    case Machine::StepState::kWaiting: return "waiting";
    case Machine::StepState::kRunning: return "running";
    case Machine::StepState::kDone: return "done";
    case Machine::StepState::kFailed: return "failed";
    case Machine::StepState::kFencing: return "fencing";
    case Machine::StepState::kFenced: return "fenced";
    case Machine::StepState::kToUndo: return "to-undo";
    case Machine::StepState::kUndoing: return "undoing";
    case Machine::StepState::kUndone: return "undone";
    case Machine::StepState::kSkipping: return "skipping";
    case Machine::StepState::kSkipped: return "skipped";
  }
  return "unrecognised";
}

}  // namespace settle::coordinator::saga
