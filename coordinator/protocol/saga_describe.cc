#include "protocol/saga_describe.h"

#include <utility>
#include <variant>

#include "protocol/describe.h"

namespace settle::coordinator {

const char* ToString(SagaAct act) {
  switch (act) {
    case SagaAct::kSkip: return "skip";
    case SagaAct::kSetInput: return "set-input";
  }
  return "unrecognised";
}

namespace saga {
namespace {

std::string Quoted(const std::string& text) { return "\"" + Escaped(text) + "\""; }

std::string TrailingReason(const std::string& reason) {
  return reason.empty() ? "" : " " + Quoted(reason);
}

std::string Number(std::int64_t number) { return std::to_string(number); }

std::string Labelled(const char* label, const std::string& json) {
  return json.empty() ? "" : std::string(" ") + label + " " + DescribeJson(json);
}

std::string ByAndWhy(const std::string& by, const std::string& reason) {
  return " by " + Quoted(by) + TrailingReason(reason);
}

std::string Words(const Answer& answer) {
  std::string text = settle::ToString(answer.kind);
  switch (answer.kind) {
    case AnswerKind::kDone:
      return text + (answer.text.empty() ? "" : " " + DescribeJson(answer.text));
    case AnswerKind::kOngoing: return text + " " + Number(answer.poll_after_ms);
    case AnswerKind::kFailed:
    case AnswerKind::kUnknown:
    case AnswerKind::kSuppressed: return text + TrailingReason(answer.text);
  }
  return text;
}

struct EventWords {
  std::string operator()(const event::Start&) const { return "start"; }
  std::string operator()(const event::Answered& e) const {
    return "answer " + Number(e.step) + " " + settle::ToString(e.op) + " " + Number(e.attempt) +
           " " + Words(e.answer);
  }
  std::string operator()(const event::StepTimerFired& e) const {
    return "step-timer " + Number(e.step) + (e.unserved ? " unserved" : "");
  }
  std::string operator()(const event::DeadlineReached&) const { return "deadline"; }
  std::string operator()(const event::LogTimerFired&) const { return "log-timer"; }
  std::string operator()(const event::CancelRequested& e) const {
    return std::string("cancel ") + settle::ToString(e.cause) + TrailingReason(e.reason);
  }
  std::string operator()(const event::ParticipantReady& e) const {
    return "participant-ready " + e.participant;
  }
  std::string operator()(const event::RetryRequested& e) const {
    return "retry " + (e.step == 0 ? std::string("all") : Number(e.step));
  }
  std::string operator()(const event::SkipRequested& e) const {
    return "skip " + Number(e.step) + ByAndWhy(e.by, e.reason);
  }
  std::string operator()(const event::InputSet& e) const {
    return "set-input " + Number(e.step) + ByAndWhy(e.by, e.reason) + " " + DescribeJson(e.input);
  }
  std::string operator()(const event::ForgetRequested& e) const {
    return "forget " + Quoted(e.by) + " " + Quoted(e.reason);
  }
  std::string operator()(const event::Persisted&) const { return "persisted"; }
  std::string operator()(const event::PersistRefused& e) const {
    return "persist-refused" + TrailingReason(e.reason);
  }
  std::string operator()(const event::Restored&) const { return "restored"; }
};

struct RecordWords {
  std::string operator()(const SagaBeginRecord& record) const {
    return "saga begin record: " + Escaped(record.definition.name) + " version " +
           Number(record.definition.version) + ", " + Number(record.definition.steps.size()) +
           " steps" + Labelled("input", record.input);
  }
  std::string operator()(const SagaStepRecord& record) const {
    return "saga step record: " + Number(record.step) +
           (record.op == ActionOp::kAction ? " done" : " undone") +
           (record.result.empty() ? "" : " " + DescribeJson(record.result));
  }
  std::string operator()(const SagaAbortingRecord& record) const {
    std::string text =
        "saga aborting record: " + coordinator::Describe(record.ending) + ", compensate";
    for (const BranchNumber number : record.compensate) text += " " + Number(number);
    return text;
  }
  std::string operator()(const SagaActRecord& record) const {
    return std::string("saga act record: ") + ToString(record.act) + " " + Number(record.step) +
           ByAndWhy(record.by, record.reason) + Labelled("input", record.input);
  }
  std::string operator()(const ForgetRecord& record) const {
    return coordinator::Describe(Record(record));
  }
  std::string operator()(const SagaEndRecord& record) const {
    return "saga end record: " + coordinator::Describe(record.ending);
  }
};

struct EffectWords {
  std::string operator()(const effect::Call& e) const {
    return std::string("call ") + settle::ToString(e.op) + " " + Number(e.step) + " " +
           e.participant + "/" + e.action + " attempt " + Number(e.attempt) + " within " +
           Number(e.timeout_ms) + " ms" + Labelled("input", e.input) + Labelled("result", e.result);
  }
  std::string operator()(const effect::Pause& e) const {
    return "pause " + Number(e.step) + " for " + Number(e.delay_ms) + " ms";
  }
  std::string operator()(const effect::StopTimer& e) const {
    return "stop timer " + Number(e.step);
  }
  std::string operator()(const effect::Persist& e) const {
    return (e.durability == Durability::kForce ? "persist " : "persist lazily ") +
           saga::Describe(e.record);
  }
  std::string operator()(const effect::ArmDeadline& e) const {
    return "arm deadline " + Number(e.deadline_ms) + " ms";
  }
  std::string operator()(const effect::StopDeadline&) const { return "stop deadline"; }
  std::string operator()(const effect::ArmLogTimer& e) const {
    return "arm log-timer step " + Number(e.attempt);
  }
  std::string operator()(const effect::Alarm& e) const {
    return "alarm " + Number(e.step) + " " + Quoted(e.what);
  }
  std::string operator()(const effect::ReplyStarted&) const { return "reply started"; }
  std::string operator()(const effect::ReplyNotStarted& e) const {
    return "reply not started" + TrailingReason(e.reason);
  }
  std::string operator()(const effect::RefuseCancel& e) const {
    return "refuse cancel" + TrailingReason(e.reason);
  }
  std::string operator()(const effect::Refuse& e) const {
    return std::string("refuse as ") + settle::ToString(e.code) + " " + Quoted(e.message);
  }
  std::string operator()(const effect::ReplyAct& e) const {
    return std::string("reply ") + ToString(e.act) + " " + Number(e.step) +
           (e.not_done.empty() ? " done" : " not done " + Quoted(e.not_done));
  }
  std::string operator()(const effect::ReplyForget& e) const {
    return "reply forget " +
           (e.not_done.empty() ? std::string("done") : "not done " + Quoted(e.not_done));
  }
  std::string operator()(const effect::ReplyEnded& e) const {
    return "reply ended: " + coordinator::Describe(e.ending);
  }
  std::string operator()(const effect::Forget&) const { return "forget"; }
};

const char* Words(Machine::Waits waits) {
  switch (waits) {
    case Machine::Waits::kForNothing:
    case Machine::Waits::kForAnswer: return "";
    case Machine::Waits::kBackOff: return " back-off";
    case Machine::Waits::kPoll: return " poll";
  }
  return "";
}

}  // namespace

std::string Describe(const Event& event) { return std::visit(EventWords{}, event); }

std::string Describe(const SagaRecord& record) { return std::visit(RecordWords{}, record); }

std::string Describe(const Effect& effect) { return std::visit(EffectWords{}, effect); }

std::string Describe(const Machine& machine) {
  std::string text = ToString(machine.state());
  for (const Machine::Step& step : machine.steps()) {
    text += (step.number == 1 ? ": " : ", ") + machine.definition(step).name + " " +
            ToString(step.state) + Words(step.waits);
  }
  return text;
}

}  // namespace saga
}  // namespace settle::coordinator
