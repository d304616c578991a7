#include "saga_definition/check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "saga_definition/references.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::saga {
namespace {

using Predecessors = std::vector<std::vector<std::size_t>>;  // by position

std::string Named(const StepDefinition& step) { return "step \"" + Escaped(step.name) + "\""; }

tl::unexpected<Error> Wrong(std::string what, std::string advice = {}) {
  return Fail(ErrorCode::kInvalid, std::move(what), std::move(advice));
}

// The grammar of a resource's name: it is shown, stored, and part of references.
Status CheckName(const std::string& what, const std::string& name) {
  if (CheckResourceName(name)) return {};
  return Wrong(what + " is \"" + Escaped(name) + "\"",
               "use 1 to 64 of letters, digits, '.', '_' and '-'");
}

Status CheckRange(const StepDefinition& step, const char* what, std::int64_t value,
                  std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return {};
  return Wrong(Named(step) + ": " + what + " is " + std::to_string(value) +
               " and must be between " + std::to_string(least) + " and " + std::to_string(most));
}

Status CheckAlone(const StepDefinition& step) {
  const RetryPolicy& retry = step.retry;
  for (const Status& checked :
       {CheckName("a step's name", step.name),
        CheckName("the participant of " + Named(step), step.participant),
        CheckName("the action of " + Named(step), step.action),
        CheckRange(step, "timeout_ms", step.timeout_ms, 1, kCallTimeoutMax),
        CheckRange(step, "retry attempts", retry.attempts_max, 0, 1'000'000),
        CheckRange(step, "retry first_ms", retry.first_ms, 1, kRetryMaximumMax),
        CheckRange(step, "retry maximum_ms", retry.maximum_ms, retry.first_ms, kRetryMaximumMax),
        CheckRange(step, "retry factor in percent", retry.factor_percent, 100, 10'000),
        CheckRange(step, "retry jitter in percent", retry.jitter_percent, 0, 100)}) {
    if (!checked) return checked;
  }
  if (step.input.size() <= kInputMax) return {};
  return Wrong(Named(step) + ": its input has " + std::to_string(step.input.size()) +
               " bytes, at most " + std::to_string(kInputMax) + " are allowed");
}

Result<Predecessors> FindPredecessors(const Definition& definition) {
  std::map<std::string, std::size_t> positions;
  for (std::size_t i = 0; i < definition.steps.size(); ++i) {
    const StepDefinition& step = definition.steps[i];
    if (!positions.emplace(step.name, i).second)
      return Wrong("two steps are called \"" + Escaped(step.name) + "\"");
  }
  Predecessors predecessors;
  for (const StepDefinition& step : definition.steps) {
    std::vector<std::size_t>& before = predecessors.emplace_back();
    for (const std::string& name : step.after) {
      const auto known = positions.find(name);
      if (known == positions.end()) {
        return Wrong(Named(step) + " comes after \"" + Escaped(name) +
                     "\", which is no step of the saga");
      }
      before.push_back(known->second);
    }
  }
  return predecessors;
}

// A step that waits for itself, with those between, each after the next; none if there is none.
// Walks back from step to step among those that can never start: such a walk must repeat itself.
std::vector<std::size_t> FindCycle(const Predecessors& predecessors) {
  std::set<std::size_t> startable;
  const auto can_start = [&](std::size_t position) { return startable.contains(position); };
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < predecessors.size(); ++i) {
      const auto& before = predecessors[i];
      if (can_start(i) || !std::all_of(before.begin(), before.end(), can_start)) continue;
      startable.insert(i);
      more = true;
    }
  }
  std::vector<std::size_t> walk;
  for (std::size_t i = 0; walk.empty() && i < predecessors.size(); ++i) {
    if (!can_start(i)) walk.push_back(i);
  }
  while (!walk.empty()) {
    const auto& before = predecessors[walk.back()];
    const std::size_t next = *std::find_if_not(before.begin(), before.end(), can_start);
    const auto first = std::find(walk.begin(), walk.end(), next) - walk.begin();
    walk.push_back(next);
    if (walk.begin() + first != walk.end() - 1) return {walk.begin() + first, walk.end()};
  }
  return {};
}

Status CheckNoCycle(const Definition& definition, const Predecessors& predecessors) {
  const std::vector<std::size_t> cycle = FindCycle(predecessors);
  if (cycle.empty()) return {};
  std::string path;
  for (const std::size_t position : cycle)
    path += (path.empty() ? "" : " after ") + definition.steps[position].name;
  return Wrong("the steps wait for each other: " + path);
}

// All that must be done before the step at `position`. There is no cycle.
std::set<std::size_t> AllBefore(const Predecessors& predecessors, std::size_t position) {
  std::set<std::size_t> all;
  std::vector<std::size_t> open = predecessors[position];
  while (!open.empty()) {
    const std::size_t next = open.back();
    open.pop_back();
    if (!all.insert(next).second) continue;
    open.insert(open.end(), predecessors[next].begin(), predecessors[next].end());
  }
  return all;
}

Status CheckPivot(const Definition& definition, const Predecessors& predecessors) {
  std::optional<std::size_t> pivot;
  for (std::size_t i = 0; i < definition.steps.size(); ++i) {
    if (definition.steps[i].kind != StepKind::kPivot) continue;
    if (pivot) {
      return Wrong(Named(definition.steps[i]) + " and " + Named(definition.steps[*pivot]) +
                   " are both pivots: there is one point of no return");
    }
    pivot = i;
  }
  if (!pivot) return {};
  const std::set<std::size_t> before = AllBefore(predecessors, *pivot);
  for (std::size_t i = 0; i < definition.steps.size(); ++i) {
    const StepDefinition& step = definition.steps[i];
    if (step.kind != StepKind::kCompensatable || before.contains(i)) continue;
    return Wrong(Named(step) + " can be undone but does not come before the pivot \"" +
                     definition.steps[*pivot].name + "\", after which nothing is undone",
                 "let the pivot come after it, or say \"compensate\": \"never\"");
  }
  return {};
}

Status CheckInputs(const Definition& definition, const Predecessors& predecessors) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < definition.steps.size(); ++i) {
    const StepDefinition& step = definition.steps[i];
    size += step.input.size();
    const auto referred = StepsReferredTo(step.input);
    if (!referred) {
      return Wrong(Named(step) + ": " + referred.error().message, referred.error().advice);
    }
    const std::set<std::size_t> before = AllBefore(predecessors, i);
    for (const std::string& name : *referred) {
      const bool is_before =
          std::any_of(before.begin(), before.end(), [&](std::size_t position) {
            return definition.steps[position].name == name;
          });
      if (is_before) continue;
      return Wrong(Named(step) + ": its input refers to the result of \"" + Escaped(name) +
                   "\", which does not come before it");
    }
  }
  if (size <= kDefinitionMax) return {};
  return Wrong("the inputs of all steps have " + std::to_string(size) + " bytes, at most " +
               std::to_string(kDefinitionMax) + " are allowed");
}

}  // namespace

Status Check(const Definition& definition) {
  if (Status good = CheckName("the saga's name", definition.name); !good) return good;
  if (definition.version < 1) return Wrong("the saga's version must be 1 or more");
  if (definition.deadline_ms < 0 || definition.deadline_ms > kDeadlineMax) {
    return Wrong("deadline_ms is " + std::to_string(definition.deadline_ms) +
                 " and must be between 0 and " + std::to_string(kDeadlineMax));
  }
  if (definition.steps.empty() || definition.steps.size() > kStepsMax) {
    return Wrong("the saga has " + std::to_string(definition.steps.size()) +
                 " steps and must have between 1 and " + std::to_string(kStepsMax));
  }
  for (const StepDefinition& step : definition.steps) {
    if (Status good = CheckAlone(step); !good) return good;
  }
  const Result<Predecessors> predecessors = FindPredecessors(definition);
  if (!predecessors) return Fail(predecessors.error());
  if (Status good = CheckNoCycle(definition, *predecessors); !good) return good;
  if (Status good = CheckPivot(definition, *predecessors); !good) return good;
  return CheckInputs(definition, *predecessors);
}

void AddReferredSteps(Definition& definition) {
  for (StepDefinition& step : definition.steps) {
    const auto referred = StepsReferredTo(step.input);
    if (!referred) continue;
    for (const std::string& name : *referred) {
      if (std::find(step.after.begin(), step.after.end(), name) == step.after.end())
        step.after.push_back(name);
    }
  }
}

}  // namespace settle::coordinator::saga
