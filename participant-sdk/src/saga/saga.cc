#include "settle/saga.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace settle {
namespace {

// Members in the order in which they were written, for whoever reads the document.
using Json = nlohmann::ordered_json;

std::string Quoted(const std::string& text) {
  // Bytes that are no UTF-8 cannot be JSON; what is left says where they were.
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As text, so that it stays what was written: this neither reads nor changes it.
void Append(std::string& object, const std::string& key, const std::string& json) {
  object += (object.empty() ? "{" : ", ") + Quoted(key) + ": " + json;
}

std::string Number(double number) { return Json(number).dump(); }

}  // namespace

SagaValue::SagaValue(std::initializer_list<std::pair<std::string, SagaValue>> members) {
  for (const auto& [key, value] : members) Append(json_, key, value.json());
  json_ += json_.empty() ? "{}" : "}";
}

SagaValue::SagaValue(const char* text) : SagaValue(std::string(text)) {}

SagaValue::SagaValue(const std::string& text) : json_(Quoted(text)) {}

SagaValue::SagaValue(double number) : json_(Number(number)) {}

SagaValue SagaValue::List(const std::vector<SagaValue>& values) {
  std::string json;
  for (const SagaValue& value : values) json += (json.empty() ? "[" : ", ") + value.json();
  return Json(json.empty() ? "[]" : json + "]");
}

SagaValue SagaValue::Json(std::string json) {
  SagaValue value;
  value.json_ = std::move(json);
  return value;
}

struct SagaStep::Parts {
  std::string name;
  std::string participant;
  std::string action;
  std::optional<SagaValue> input;
  std::vector<std::string> after;
  bool pivot = false;
  bool never_compensate = false;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<SagaRetry> retry;
};

SagaStep& SagaStep::Input(SagaValue input) {
  parts_->input = std::move(input);
  return *this;
}

SagaStep& SagaStep::After(const SagaStep& earlier) {
  parts_->after.push_back(earlier.name());
  return *this;
}

SagaStep& SagaStep::Pivot() {
  parts_->pivot = true;
  return *this;
}

SagaStep& SagaStep::NeverCompensate() {
  parts_->never_compensate = true;
  return *this;
}

SagaStep& SagaStep::Timeout(std::chrono::milliseconds timeout) {
  parts_->timeout = timeout;
  return *this;
}

SagaStep& SagaStep::Retry(SagaRetry retry) {
  parts_->retry = retry;
  return *this;
}

SagaValue SagaStep::result(const std::string& pointer) const {
  return {{"$result", "/" + parts_->name + pointer}};
}

const std::string& SagaStep::name() const { return parts_->name; }

Saga::Saga(std::string name, int version) : name_(std::move(name)), version_(version) {}

SagaStep Saga::Step(std::string name, std::string participant, std::string action) {
  auto parts = std::make_shared<SagaStep::Parts>();
  parts->name = std::move(name);
  parts->participant = std::move(participant);
  parts->action = std::move(action);
  return steps_.emplace_back(SagaStep(std::move(parts)));
}

Saga& Saga::Deadline(std::chrono::milliseconds deadline) {
  deadline_ = deadline;
  return *this;
}

SagaValue Saga::input(const std::string& pointer) const { return {{"$input", pointer}}; }

std::string Saga::document() const {
  std::string steps;
  for (const SagaStep& step : steps_) {
    const SagaStep::Parts& parts = *step.parts_;
    std::string object;
    Append(object, "name", Quoted(parts.name));
    Append(object, "participant", Quoted(parts.participant));
    Append(object, "action", Quoted(parts.action));
    if (parts.input) Append(object, "input", parts.input->json());
    if (!parts.after.empty()) Append(object, "after", Json(parts.after).dump());
    if (parts.pivot) Append(object, "pivot", "true");
    if (parts.never_compensate) Append(object, "compensate", Quoted("never"));
    if (parts.timeout) Append(object, "timeout_ms", std::to_string(parts.timeout->count()));
    if (parts.retry) {
      const SagaRetry& retry = *parts.retry;
      std::string policy;
      Append(policy, "attempts",
             retry.attempts == 0 ? Quoted("forever") : std::to_string(retry.attempts));
      Append(policy, "first_ms", std::to_string(retry.first.count()));
      Append(policy, "maximum_ms", std::to_string(retry.maximum.count()));
      Append(policy, "factor", Number(retry.factor));
      Append(policy, "jitter", Number(retry.jitter));
      Append(object, "retry", policy + "}");
    }
    steps += (steps.empty() ? "\n    " : ",\n    ") + object + "}";
  }
  std::string document;
  Append(document, "saga", Quoted(name_));
  Append(document, "version", std::to_string(version_));
  if (deadline_.count() != 0) Append(document, "deadline_ms", std::to_string(deadline_.count()));
  Append(document, "steps", "[" + steps + "]");
  return document + "}";
}

}  // namespace settle
