// What must hold of the sites of three-phase commit, at any moment and when a run is over, beside
// the invariants of databases (invariants.h). Read from the records in the databases.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "simulation/invariants.h"
#include "simulation/simulated_ledger.h"
#include "simulation/site_process.h"

namespace settle::simulation {

struct SiteScene {
  std::deque<SimulatedLedger>& ledgers;
  const SiteProcess::Peers& processes;
  CoordinatorNode& coordinator;
  World& world;
};

// Who is cut off from whom while the rest is connected and works: the processes of one side, and
// whether the coordinator is with them.
struct Side {
  std::set<std::string> processes;
  bool coordinator = false;
};

// The branches of those transactions that a majority of sites on that side must end, by itself: all
// on the side.
std::set<BranchKey> ToBeEndedBy(const Side& side, const SiteScene& scene);
// The undecided branches on that side that can end there by nobody: no majority of sites is on it,
// nobody there knows how it ended or can refuse to vote, and no database of theirs is reached from
// the `other` side as well.
std::set<BranchKey> ToWaitOn(const Side& side, const Side& other, const SiteScene& scene);

bool IsFinalNow(const BranchKey& key, const SiteScene& scene);

// A site aborted on its own, since nothing is prepared there and no record says that it had voted:
// after a person had ended its branch, and a crash had taken that record away. Others may have
// committed: see docs/three_phase_commit.md, what it assumes.
bool IsAbortOfAHand(const Gtid& gtid, const SiteAnswer& at, const SiteScene& scene);

// No two records of a transaction say contrary ends, none an end without those that made it.
void CheckRecords(const SiteScene& scene);

}  // namespace settle::simulation
