// What breaks transactions alone: databases that crash and fail over, an older copy of the log,
// hands in the databases, operators.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "simulation/adversary.h"
#include "simulation/process.h"

namespace settle::simulation {

class TwoPhaseAdversary : public Adversary {
 public:
  struct Victims {
    std::deque<SimulatedDatabase>& databases;
    std::vector<std::unique_ptr<Process>>& processes;
    std::map<Gtid, Note>& notes;
  };
  TwoPhaseAdversary(World& world, CoordinatorNode& coordinator, Disk& disk, Victims victims)
      : Adversary(world, coordinator, disk), victims_(victims) {}

 private:
  void BeginOwn() override;
  void HealOwn() override;

  void RunOlderCopy();
  void BringBackNewestLog();
  void CrashDatabase();
  void FailOver();
  void HandInTheDatabase();
  void OperatorActs();
  void OperatorForgets();
  void OperatorSays();
  bool IsCommitted(const BranchKey& key) const;

  Victims victims_;
  // While an older copy runs nobody dies: whoever forgot the newer one could not refuse it.
  Disk newest_;
};

}  // namespace settle::simulation
