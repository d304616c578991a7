// Whoever breaks things during the rough phase: crashes, freezes, partitions, full disks, clocks.
// What it does is drawn from the seed. What only one protocol knows is added by a class of its own.
#pragma once

#include <functional>
#include <vector>

#include "simulation/caller.h"

namespace settle::simulation {

class Adversary {
 public:
  Adversary(World& world, CoordinatorNode& coordinator, Disk& disk)
      : world_(world), coordinator_(coordinator), disk_(disk) {}
  virtual ~Adversary() = default;

  // The processes are those that there are for the whole run.
  void Begin(std::vector<Caller*> processes);
  // Everything works again and nothing breaks any more.
  void Heal();

 protected:
  // `act` happens again and again, about every `mean`; never, if that is 0.
  void Every(microseconds mean, std::function<void()> act);
  microseconds Soon(microseconds mean) { return microseconds(500) + world_.UpTo(2 * mean); }

  World& world_;
  CoordinatorNode& coordinator_;
  Disk& disk_;
  std::vector<Caller*> processes_;
  bool nobody_dies_ = false;  // while the log is an older copy
  bool stays_down_ = false;   // the coordinator
  const Caller* dead_for_good_ = nullptr;

 private:
  virtual void BeginOwn() = 0;
  virtual void HealOwn() = 0;  // before the coordinator and the processes come back

  void CrashCoordinator();
  void RestartCoordinatorLater();
  void FreezeCoordinator();
  void CrashProcess(Caller& process);
  void KillForGood(Caller& process);
  void FreezeProcess(Caller& process);
  void Partition();
  void FillDisk();
  void JumpClock();
};

}  // namespace settle::simulation
