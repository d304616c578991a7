// The invariants of sagas: what must hold when a run is over, beside what SagaWitness saw during
// it.
#pragma once

#include <string>
#include <vector>

#include "simulation/coordinator_node.h"
#include "simulation/saga_note.h"

namespace settle::simulation {

struct SagaScene {
  const SagaNotes& notes;
  const Disk& disk;
  CoordinatorNode& coordinator;  // up
};

// The coordinator runs nothing but what is damaged.
bool Settled(const SagaScene& scene);

// One line for each violation, with those that were seen during the run; empty: all hold.
std::vector<std::string> FindViolations(const SagaScene& scene);

}  // namespace settle::simulation
