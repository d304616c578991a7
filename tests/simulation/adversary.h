// Whoever breaks things during the rough phase: crashes, freezes, partitions, fail-overs,
// operators, clocks. What it does is drawn from the seed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "simulation/process.h"

namespace settle::simulation {

class Adversary {
 public:
  struct Victims {
    CoordinatorNode& coordinator;
    Disk& disk;
    std::deque<SimulatedDatabase>& databases;
    std::vector<std::unique_ptr<Process>>& processes;
    std::map<Gtid, Note>& notes;
  };
  Adversary(World& world, Victims victims) : world_(world), victims_(victims) {}

  void Begin();
  // Everything works again and nothing breaks any more.
  void Heal();

 private:
  // `act` happens again and again, about every `mean`; never, if that is 0.
  void Every(microseconds mean, std::function<void()> act);
  microseconds Soon(microseconds mean) { return microseconds(500) + world_.UpTo(2 * mean); }

  void CrashCoordinator();
  void RestartCoordinatorLater();
  void FreezeCoordinator();
  void RunOlderCopy();
  void BringBackNewestLog();
  void CrashProcess(Process& process);
  void KillForGood(Process& process);
  void FreezeProcess(Process& process);
  void Partition();
  void CrashDatabase();
  void FailOver();
  void FillDisk();
  void JumpClock();
  void HandInTheDatabase();
  void OperatorActs();
  void OperatorForgets();

  World& world_;
  Victims victims_;
  Disk newest_;
  bool older_copy_runs_ = false;  // meanwhile nobody dies: whoever forgot it could not refuse it
  Process* dead_for_good_ = nullptr;
};

}  // namespace settle::simulation
