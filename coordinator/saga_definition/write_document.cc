#include <nlohmann/json.hpp>

#include "saga_definition/document.h"

namespace settle::coordinator::saga {
namespace {

using Json = nlohmann::ordered_json;

// Indented, a long list takes many times what it took as it was given, which the wire may not take.
constexpr std::size_t kPrettyMax = 256 * 1024;

Json Retry(const RetryPolicy& retry) {
  Json json;
  if (retry.attempts_max == 0) {
    json["attempts"] = "forever";
  } else {
    json["attempts"] = retry.attempts_max;
  }
  json["first_ms"] = retry.first_ms;
  json["maximum_ms"] = retry.maximum_ms;
  json["factor"] = retry.factor_percent / 100.0;
  json["jitter"] = retry.jitter_percent / 100.0;
  return json;
}

// Only what is not as it would be without saying so.
Json Step(const StepDefinition& step) {
  const StepDefinition plain;
  Json json{{"name", step.name}, {"participant", step.participant}, {"action", step.action}};
  // What satisfies Check is JSON.
  if (step.input != plain.input) json["input"] = Json::parse(step.input, nullptr, false);
  if (!step.after.empty()) json["after"] = step.after;
  if (step.kind == StepKind::kPivot) json["pivot"] = true;
  if (step.kind == StepKind::kNoUndo) json["compensate"] = "never";
  if (step.retry != plain.retry) json["retry"] = Retry(step.retry);
  if (step.timeout_ms != plain.timeout_ms) json["timeout_ms"] = step.timeout_ms;
  return json;
}

}  // namespace

std::string WriteDocument(const Definition& definition) {
  Json json{{"saga", definition.name}, {"version", definition.version}};
  if (definition.deadline_ms != 0) json["deadline_ms"] = definition.deadline_ms;
  json["steps"] = Json::array();
  for (const StepDefinition& step : definition.steps) json["steps"].push_back(Step(step));
  // What is no UTF-8 cannot come from a document.
  std::string pretty = json.dump(2, ' ', false, Json::error_handler_t::replace);
  if (pretty.size() <= kPrettyMax) return pretty;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace settle::coordinator::saga
