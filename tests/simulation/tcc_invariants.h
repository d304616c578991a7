// The invariants of reservations: what must hold when a run is over, beside what TccWitness saw
// during it.
#pragma once

#include <string>
#include <vector>

#include "simulation/coordinator_node.h"
#include "simulation/tcc_note.h"

namespace settle::simulation {

struct TccScene {
  const TccNotes& notes;
  const Disk& disk;
  CoordinatorNode& coordinator;  // up
};

// The coordinator runs nothing but what is damaged.
bool Settled(const TccScene& scene);

// One line for each violation, without those that were seen during the run; empty: all hold.
std::vector<std::string> FindViolations(const TccScene& scene);

}  // namespace settle::simulation
