#include "saga_definition/document.h"

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "saga_definition/check.h"
#include "saga_definition/json_object.h"
#include "saga_definition/json_text.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::saga {
namespace {

using nlohmann::json;
using Pointer = JsonPointer;
using Object = JsonObject;

// Of a fraction.
void TakePercent(Object& object, const char* name, int least, int most, std::int32_t& percent) {
  const json* value = object.Take(name);
  if (value == nullptr) return;
  const double fraction = value->is_number() ? value->get<double>() : -1;
  if (fraction >= least && fraction <= most) {
    percent = static_cast<std::int32_t>(std::lround(fraction * 100));
    return;
  }
  object.Wrong(object.at() / name, "must be a number between " + std::to_string(least) + " and " +
                                       std::to_string(most));
}

void TakeRetry(Object& step, RetryPolicy& retry, FirstError& error) {
  const json* value = step.Take("retry");
  if (value == nullptr) return;
  Object object(*value, step.at() / "retry", error);
  if (const json* attempts = object.Take("attempts"); attempts != nullptr) {
    if (attempts->is_string() && *attempts == "forever") {
      retry.attempts_max = 0;
    } else {
      object.Whole("attempts", *attempts, retry.attempts_max);
      if (retry.attempts_max == 0)
        object.Wrong(object.at() / "attempts", "must be 1 or more, or \"forever\"");
    }
  }
  object.WholeIfAny("first_ms", retry.first_ms);
  object.WholeIfAny("maximum_ms", retry.maximum_ms);
  TakePercent(object, "factor", 1, 100, retry.factor_percent);
  TakePercent(object, "jitter", 0, 1, retry.jitter_percent);
  object.RefuseOthers();
}

void TakeKind(Object& step, StepKind& kind) {
  const json* pivot = step.Take("pivot");
  if (pivot != nullptr && !pivot->is_boolean())
    step.Wrong(step.at() / "pivot", "must be true or false");
  if (pivot != nullptr && *pivot == true) kind = StepKind::kPivot;
  const json* compensate = step.Take("compensate");
  if (compensate == nullptr) return;
  if (*compensate != "never") step.Wrong(step.at() / "compensate", "can only be \"never\"");
  // A pivot needs no undoing anyway.
  if (kind != StepKind::kPivot) kind = StepKind::kNoUndo;
}

void TakeAfter(Object& step, std::vector<std::string>& after) {
  const json* value = step.Take("after");
  if (value == nullptr) return;
  if (!value->is_array()) return step.Wrong(step.at() / "after", "must be a list of steps' names");
  std::size_t index = 0;
  for (const json& name : *value) {
    if (!name.is_string()) return step.Wrong(step.at() / "after" / index, "must be a step's name");
    after.push_back(name.get<std::string>());
    ++index;
  }
}

StepDefinition TakeStep(const json& value, const Pointer& at, FirstError& error) {
  Object object(value, at, error);
  StepDefinition step;
  object.Text("name", step.name);
  object.Text("participant", step.participant);
  object.Text("action", step.action);
  if (const json* input = object.Take("input"); input != nullptr) step.input = input->dump();
  TakeAfter(object, step.after);
  TakeKind(object, step.kind);
  TakeRetry(object, step.retry, error);
  object.WholeIfAny("timeout_ms", step.timeout_ms);
  object.RefuseOthers();
  return step;
}

}  // namespace

Result<Definition> ReadDocument(std::string_view document) {
  if (document.size() > kDocumentMax) {
    return Fail(ErrorCode::kInvalid, "the document has " + std::to_string(document.size()) +
                                         " bytes, at most " + std::to_string(kDocumentMax) +
                                         " are allowed");
  }
  const Result<json> value = ParseJsonWithoutRepeats(document);
  if (!value) return Fail(value.error());
  FirstError error;
  Object object(*value, Pointer(), error);
  Definition definition;
  object.Text("saga", definition.name);
  object.WholeIfAny("version", definition.version);
  object.WholeIfAny("deadline_ms", definition.deadline_ms);
  if (const json* steps = object.Need("steps"); steps != nullptr) {
    if (!steps->is_array()) object.Wrong(object.at() / "steps", "must be a list");
    std::size_t index = 0;
    for (const json& step : *steps) {
      if (error) break;
      definition.steps.push_back(TakeStep(step, object.at() / "steps" / index++, error));
    }
  }
  object.RefuseOthers();
  if (error) return Fail(ErrorCode::kInvalid, *error);
  AddReferredSteps(definition);
  if (Status good = Check(definition); !good) return Fail(good.error());
  return definition;
}

}  // namespace settle::coordinator::saga
