// A saga as its author wrote it: steps with their dependencies, how each is retried and undone.
// Plain values; check.h says which of them make sense, document.h reads them from JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace settle::coordinator::saga {

// A span of time. Protocol code has no clock: these are handed on to whoever has.
using Milliseconds = std::int64_t;

// How a call is repeated whose result is not known.
struct RetryPolicy {
  // So many calls without a result count as a failure of the step. 0: for ever. Only before the
  // pivot, and never for a compensation: what must happen is repeated until it does.
  std::int32_t attempts_max = 0;
  Milliseconds first_ms = 200;        // the pause before the second call
  Milliseconds maximum_ms = 60'000;   // no pause is longer, but for its jitter
  std::int32_t factor_percent = 200;  // each pause in percent of the one before
  std::int32_t jitter_percent = 20;   // at most so much is added to each, at random

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// Garcia-Molina's and Mehrotra's kinds.
enum class StepKind {
  kCompensatable = 1,  // an abort undoes it
  kNoUndo = 2,         // nothing to undo ("compensate": "never")
  kPivot = 3,          // the point of no return: once it is done the saga only goes forward
};

struct StepDefinition {
  std::string name;         // unique within the saga
  std::string participant;  // who serves the action
  std::string action;
  std::string input = "{}";  // JSON text with references (references.h)
  // The steps that must be done before, those that the input refers to included.
  std::vector<std::string> after;
  StepKind kind = StepKind::kCompensatable;
  RetryPolicy retry;
  Milliseconds timeout_ms = 30'000;  // of one call; then its result is taken for unknown

  friend bool operator==(const StepDefinition&, const StepDefinition&) = default;
};

struct Definition {
  std::string name;
  std::int32_t version = 1;
  Milliseconds deadline_ms = 0;  // from the start; then what can be undone is undone. 0: none
  std::vector<StepDefinition> steps;

  friend bool operator==(const Definition&, const Definition&) = default;
};

// "compensatable", "no-undo", "pivot".
const char* ToString(StepKind kind);

}  // namespace settle::coordinator::saga
