// The invariants: what must hold when a run is over, whichever faults it saw. Checked against what
// clients were told and wrote down themselves, the databases, and the disk of the log; never by the
// coordinator's own word, except for what it must show people.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "simulation/process.h"

namespace settle::simulation {

// What a run leaves to be judged. The coordinator is up.
struct Scene {
  const std::map<Gtid, Note>& notes;
  const std::deque<SimulatedDatabase>& databases;
  const Disk& disk;
  CoordinatorNode& coordinator;
};

// Nothing is left prepared or open, and the coordinator runs nothing but what is damaged.
bool Settled(const Scene& scene);

// One line for each violation, "atomicity: ..." and the like, with those that were seen during the
// run; empty: all invariants hold.
std::vector<std::string> FindViolations(const Scene& scene);

}  // namespace settle::simulation
