#include "saga_definition/document.h"

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "saga_definition/check.h"
#include "saga_definition/json_text.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::saga {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

// What is wrong first in the whole document.
using FirstError = std::optional<std::string>;

// Takes the members of one object. Those that nobody took are misspelt.
class Object {
 public:
  Object(const json& value, Pointer at, FirstError& error)
      : value_(value), at_(std::move(at)), error_(error) {
    if (!value_.is_object()) Wrong(at_, "must be an object");
  }

  const json* Take(const std::string& key) {
    taken_.insert(key);
    if (!value_.is_object() || !value_.contains(key)) return nullptr;
    return &value_.at(key);
  }

  const json* Need(const std::string& key) {
    const json* value = Take(key);
    if (value == nullptr) Wrong(at_ / key, "is missing");
    return value;
  }

  void Text(const std::string& key, std::string& text) {
    const json* value = Need(key);
    if (value == nullptr) return;
    if (!value->is_string()) return Wrong(at_ / key, "must be a text");
    text = value->get<std::string>();
  }

  // Whether a whole number fits is for Check to say, except that it must fit the field.
  template <typename Number>
  void WholeIfAny(const std::string& key, Number& number) {
    const json* value = Take(key);
    if (value != nullptr) Whole(key, *value, number);
  }

  template <typename Number>
  void Whole(const std::string& key, const json& value, Number& number) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    if (!value.is_number_unsigned()) return Wrong(at_ / key, "must be a whole number, 0 or more");
    if (value.get<std::uint64_t>() > kMost) return Wrong(at_ / key, "is too large");
    number = value.get<Number>();
  }

  void RefuseOthers() {
    if (!value_.is_object()) return;
    for (const auto& [key, value] : value_.items()) {
      if (!taken_.contains(key)) return Wrong(at_ / key, "is not known here");
    }
  }

  void Wrong(const Pointer& where, const std::string& what) {
    if (error_) return;
    error_ = (where.empty() ? "the document" : Escaped(where.to_string())) + " " + what;
  }

  const Pointer& at() const { return at_; }

 private:
  const json& value_;
  const Pointer at_;
  FirstError& error_;
  std::set<std::string> taken_;
};

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
