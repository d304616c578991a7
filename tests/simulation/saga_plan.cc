#include "simulation/saga_plan.h"

#include <utility>

#include "saga_definition/check.h"
#include "vocabulary/assertion.h"

namespace settle::simulation {

using coordinator::saga::Definition;
using coordinator::saga::Milliseconds;
using coordinator::saga::StepDefinition;
using coordinator::saga::StepKind;

namespace {

constexpr std::size_t kMost = 8;

Milliseconds Between(World& world, std::uint64_t least, std::uint64_t most) {
  return static_cast<Milliseconds>(least + world.Pick(most - least + 1));
}

void DrawRetry(World& world, StepDefinition& step) {
  step.timeout_ms = Between(world, 4, 40);
  step.retry.first_ms = Between(world, 2, 15);
  step.retry.maximum_ms = step.retry.first_ms + Between(world, 0, 85);
  step.retry.factor_percent = static_cast<std::int32_t>(Between(world, 100, 300));
  if (world.Happens(0.4)) step.retry.attempts_max = static_cast<std::int32_t>(1 + world.Pick(4));
}

// The whole results of some that come before, so that every input can be made, whoever is skipped.
void DrawInput(World& world, StepDefinition& step) {
  std::string results;
  for (const std::string& before : step.after) {
    if (!world.Happens(0.7)) continue;
    results += (results.empty() ? "" : ",") + ("{\"$result\":\"/" + before + "\"}");
  }
  step.input = "{\"of\":{\"$input\":\"/order\"},\"with\":[" + results + "]}";
}

StepKind DrawKind(World& world, std::size_t step, std::size_t pivot) {
  if (step == pivot) return StepKind::kPivot;
  return step > pivot || world.Happens(0.15) ? StepKind::kNoUndo : StepKind::kCompensatable;
}

}  // namespace

coordinator::StartSagaCall DrawSaga(World& world, const std::vector<std::string>& participants) {
  Definition definition;
  definition.name = "drawn";
  if (world.Happens(0.4)) definition.deadline_ms = Between(world, 10, 400);
  const std::size_t steps = 1 + world.Pick(kMost);
  const std::size_t pivot = world.Happens(0.3) ? steps : world.Pick(steps);
  const double depends = world.Chance();
  for (std::size_t i = 0; i < steps; ++i) {
    StepDefinition step;
    step.name = std::string(1, static_cast<char>('a' + i));
    step.participant = participants[world.Pick(participants.size())];
    step.action = "do-" + step.name;
    step.kind = DrawKind(world, i, pivot);
    for (std::size_t before = 0; before < i; ++before) {
      const bool needed = i == pivot && definition.steps[before].kind == StepKind::kCompensatable;
      if (needed || world.Happens(before == pivot ? 0.6 : depends))
        step.after.push_back(definition.steps[before].name);
    }
    DrawRetry(world, step);
    DrawInput(world, step);
    definition.steps.push_back(std::move(step));
  }
  // The order of a document need not be one in which the steps can run.
  for (std::size_t i = steps; i > 1; --i)
    std::swap(definition.steps[i - 1], definition.steps[world.Pick(i)]);
  const Status good = coordinator::saga::Check(definition);
  SETTLE_ASSERT(good.has_value(), good ? "" : good.error().message);
  const std::string order = std::to_string(world.Pick(1'000'000));
  return {std::move(definition), "{\"order\":" + order + "}", "", "shop", "order " + order};
}

}  // namespace settle::simulation
