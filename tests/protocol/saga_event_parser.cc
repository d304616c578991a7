#include "protocol/saga_event_parser.h"

#include <array>
#include <string>

#include "protocol/word_reader.h"

namespace settle::coordinator::saga {
namespace {

Answer TakeAnswer(WordReader& reader) {
  constexpr std::array kKinds{AnswerKind::kDone, AnswerKind::kFailed, AnswerKind::kOngoing,
                              AnswerKind::kUnknown, AnswerKind::kSuppressed};
  Answer answer;
  answer.kind = reader.OneOf(kKinds, reader.Take());
  switch (answer.kind) {
    case AnswerKind::kDone: answer.text = reader.TakeRest(); break;
    case AnswerKind::kOngoing: answer.poll_after_ms = reader.TakeNumber<Milliseconds>(); break;
    case AnswerKind::kFailed:
    case AnswerKind::kUnknown:
    case AnswerKind::kSuppressed: answer.text = reader.TakeQuotedIfAny(); break;
  }
  return answer;
}

event::Answered TakeAnswered(WordReader& reader) {
  event::Answered answered;
  answered.step = reader.TakeNumber();
  constexpr std::array kOps{ActionOp::kAction, ActionOp::kCompensate, ActionOp::kFence};
  answered.op = reader.OneOf(kOps, reader.Take());
  answered.attempt = reader.TakeNumber<int>();
  answered.answer = TakeAnswer(reader);
  return answered;
}

template <typename Act>
Act TakeAct(WordReader& reader) {
  Act act;
  act.step = reader.TakeNumber();
  reader.Expect("by");
  act.by = reader.Take();
  act.reason = reader.TakeQuotedIfAny();
  return act;
}

Event TakeEvent(WordReader& reader) {
  if (reader.TakeIf("start")) return event::Start{};
  if (reader.TakeIf("answer")) return TakeAnswered(reader);
  if (reader.TakeIf("step-timer")) {
    const auto step = reader.TakeNumber();
    return event::StepTimerFired{step, reader.TakeIf("unserved")};
  }
  if (reader.TakeIf("deadline")) return event::DeadlineReached{};
  if (reader.TakeIf("log-timer")) return event::LogTimerFired{};
  if (reader.TakeIf("cancel")) {
    constexpr std::array kCauses{AbortCause::kRequested, AbortCause::kOperator};
    const AbortCause cause = reader.OneOf(kCauses, reader.Take());
    return event::CancelRequested{cause, reader.TakeQuotedIfAny()};
  }
  if (reader.TakeIf("participant-ready")) return event::ParticipantReady{reader.Take()};
  if (reader.TakeIf("retry")) {
    return event::RetryRequested{reader.TakeIf("all") ? 0 : reader.TakeNumber()};
  }
  if (reader.TakeIf("skip")) return TakeAct<event::SkipRequested>(reader);
  if (reader.TakeIf("set-input")) {
    auto set = TakeAct<event::InputSet>(reader);
    set.input = reader.TakeRest();
    return set;
  }
  if (reader.TakeIf("forget")) {
    const std::string by = reader.Take();
    return event::ForgetRequested{by, reader.Take()};
  }
  if (reader.TakeIf("persisted")) return event::Persisted{};
  if (reader.TakeIf("persist-refused")) return event::PersistRefused{reader.TakeQuotedIfAny()};
  if (reader.TakeIf("restored")) return event::Restored{};
  reader.Bad(reader.Take());
  return event::Restored{};
}

StepDefinition TakeStep(WordReader& reader) {
  StepDefinition step;
  reader.Expect("step");
  step.name = reader.Take();
  const std::string where = reader.Take();
  const std::size_t slash = where.find('/');
  if (slash == std::string::npos) return reader.Bad(where), step;
  step.participant = where.substr(0, slash);
  step.action = where.substr(slash + 1);
  bool names_follow = false;
  while (!reader.AtEnd() && !reader.error()) {
    if (reader.TakeIf("after")) {
      names_follow = true;
      continue;
    }
    const std::string word = reader.Take();
    if (word == "pivot") {
      step.kind = StepKind::kPivot;
    } else if (word == "no-undo") {
      step.kind = StepKind::kNoUndo;
    } else if (word == "attempts") {
      step.retry.attempts_max = reader.TakeNumber<std::int32_t>();
    } else if (word == "within") {
      step.timeout_ms = reader.TakeNumber<Milliseconds>();
    } else if (word == "input") {
      step.input = reader.TakeRest();
    } else if (names_follow) {
      step.after.push_back(word);
      continue;
    } else {
      reader.Bad(word);
    }
    names_follow = false;
  }
  return step;
}

template <typename Taken>
Result<Taken> Whole(std::string_view line, Taken (*take)(WordReader&)) {
  WordReader reader(line);
  Taken taken = take(reader);
  if (!reader.error() && !reader.AtEnd()) reader.Bad(reader.Take());
  if (!reader.error()) return taken;
  return Fail(ErrorCode::kInvalid,
              "\"" + *reader.error() + "\" was not understood in: " + std::string(line));
}

}  // namespace

Result<Event> ParseEvent(std::string_view line) { return Whole(line, TakeEvent); }

Result<StepDefinition> ParseStep(std::string_view line) { return Whole(line, TakeStep); }

}  // namespace settle::coordinator::saga
