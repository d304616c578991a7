// What breaks only in the world of three-phase commit: the network in two, the coordinator gone for
// good, and other processes of a site that get in between. Before all heals, a part of the world
// is connected and works again, and what a majority there can end must end, without the rest.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "simulation/adversary.h"
#include "simulation/three_phase_invariants.h"

namespace settle::simulation {

// A connected majority ends within this time whatever it can.
inline constexpr microseconds kMajorityBound{1'500'000};

class ThreePhaseAdversary : public Adversary {
 public:
  struct Victims {
    std::deque<SimulatedDatabase>& databases;
    const std::map<Gtid, Note>& notes;
    const SiteScene scene;
  };
  ThreePhaseAdversary(World& world, CoordinatorNode& coordinator, Disk& disk, Victims victims)
      : Adversary(world, coordinator, disk), victims_(victims) {}

  // Runs the world with a part of it healed, and checks what that part must do, and the other part
  // must not.
  void HealAPart();
  // The coordinator hands a record to its log: the moments between two of them are short, and what
  // is to break there is broken on purpose.
  void Saw(const Record& record);

 private:
  void BeginOwn() override;
  void HealOwn() override;
  void CrashDatabase(SimulatedDatabase& database, microseconds lasting);
  void Wrote(SimulatedDatabase& database, const SiteRecord& record);
  void BreakCoordinator();
  void CutInTwo();
  void GoForGood();
  void OperatorActs();
  void OperatorAborts(const Gtid& gtid);
  void OperatorForcesOne();
  void OperatorForces(const Gtid& gtid);
  void ChangeRecord(SimulatedLedger& ledger, const BranchKey& key);

  Victims victims_;
  bool gone_ = false;       // the coordinator
  double malice_ = 0;       // how often it strikes on purpose
  bool forgetful_ = false;  // then at databases more than at the network
  bool forces_ = false;     // an operator decides what waits for a majority
};

}  // namespace settle::simulation
