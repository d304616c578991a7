#include "simulation/adversary.h"

#include <utility>

namespace settle::simulation {

void Adversary::Every(microseconds mean, std::function<void()> act) {
  if (mean.count() == 0) return;
  world_.After(Soon(mean), [this, mean, act = std::move(act)] {
    if (world_.healed) return;
    act();
    Every(mean, act);
  });
}

void Adversary::Begin(std::vector<Caller*> processes) {
  processes_ = std::move(processes);
  const Roughness& rough = world_.roughness;
  coordinator_.when_it_ends_itself = [this] { RestartCoordinatorLater(); };
  Every(rough.coordinator_life, [this] { CrashCoordinator(); });
  Every(rough.coordinator_freeze_every, [this] { FreezeCoordinator(); });
  Every(rough.coordinator_stall_every, [this] {
    world_.Count(Fault::kCoordinatorStalled);
    coordinator_.StallUntil(world_.now() + world_.UpTo(microseconds(40'000)));
  });
  for (Caller* process : processes_) {
    Every(rough.process_life, [this, process] { CrashProcess(*process); });
    Every(rough.process_freeze_every, [this, process] { FreezeProcess(*process); });
  }
  if (rough.dead_for_good) {
    Caller& process = *processes_[world_.Pick(processes_.size())];
    world_.After(Soon(microseconds(300'000)), [this, &process] { KillForGood(process); });
  }
  Every(rough.partition_every, [this] { Partition(); });
  Every(rough.disk_full_every, [this] { FillDisk(); });
  Every(rough.clock_jump_every, [this] { JumpClock(); });
  BeginOwn();
}

void Adversary::Heal() {
  world_.Say("---- healed ----");
  world_.healed = true;
  world_.partition.reset();
  disk_.full = false;
  HealOwn();
  if (!coordinator_.up()) coordinator_.Start();
  coordinator_.Thaw();
  for (Caller* process : processes_) {
    if (!process->up()) process->Start();
    process->Thaw();
  }
}

void Adversary::CrashCoordinator() {
  if (!coordinator_.up() || nobody_dies_) return;
  world_.Count(Fault::kCoordinatorCrashed);
  coordinator_.Crash();
  RestartCoordinatorLater();
}

void Adversary::RestartCoordinatorLater() {
  world_.After(Soon(microseconds(20'000)), [this] {
    if (coordinator_.up() || stays_down_) return;
    coordinator_.Start();
    // Sometimes it dies again at once, in the middle of its recovery.
    if (world_.healed || !world_.Happens(0.2)) return;
    world_.After(world_.UpTo(microseconds(1'500)), [this] {
      if (!world_.healed) CrashCoordinator();
    });
  });
}

void Adversary::FreezeCoordinator() {
  if (!coordinator_.up() || coordinator_.frozen() || nobody_dies_) return;
  world_.Count(Fault::kCoordinatorFrozen);
  coordinator_.Freeze();
  world_.After(Soon(microseconds(150'000)), [this] {
    if (coordinator_.up()) coordinator_.Thaw();
  });
}

void Adversary::CrashProcess(Caller& process) {
  if (!process.up() || nobody_dies_) return;
  if (process.attached() && !process.frozen() && world_.Happens(0.15)) {
    world_.Count(Fault::kProcessDetached);
    process.Detach();
  } else {
    world_.Count(Fault::kProcessCrashed);
    process.Crash();
  }
  world_.After(Soon(microseconds(30'000)), [this, &process] {
    if (!process.up() && dead_for_good_ != &process) process.Start();
  });
}

void Adversary::KillForGood(Caller& process) {
  if (world_.healed || nobody_dies_) return;
  world_.Count(Fault::kProcessDeadForGood);
  if (process.up()) process.Crash();
  dead_for_good_ = &process;
}

void Adversary::FreezeProcess(Caller& process) {
  if (!process.up() || process.frozen() || nobody_dies_) return;
  world_.Count(Fault::kProcessFrozen);
  process.Freeze();
  world_.After(Soon(microseconds(200'000)), [&process] {
    if (process.up()) process.Thaw();
  });
}

void Adversary::Partition() {
  World::Partition partition;
  const std::uint64_t kind = world_.Pick(3);
  if (kind == 1) {
    partition.kind = Fault::kPartitionedOneWay;
    partition.direction =
        world_.Happens(0.5) ? Direction::kToCoordinator : Direction::kFromCoordinator;
  } else if (kind == 2) {
    partition.kind = Fault::kPartitionedProcess;
    partition.process = processes_[world_.Pick(processes_.size())]->name();
  }
  world_.partition = partition;
  world_.Say("---- the network is cut ----");
  const microseconds mean(world_.Happens(0.2) ? 400'000 : 60'000);
  world_.After(Soon(mean), [this] {
    world_.partition.reset();
    world_.Say("---- the network is whole ----");
  });
}

void Adversary::FillDisk() {
  world_.Say("---- the log's disk is full ----");
  disk_.full = true;
  world_.After(Soon(microseconds(40'000)), [this] { disk_.full = false; });
}

void Adversary::JumpClock() {
  using std::chrono::duration_cast;
  const microseconds now(world_.wall());
  microseconds to = now + std::chrono::hours(1);
  Fault kind = Fault::kClockForwards;
  const std::uint64_t which = world_.Pick(3);
  if (which == 1) {
    to = microseconds(0);
    kind = Fault::kClockTo1970;
  } else if (which == 2) {
    to = std::chrono::seconds(2'147'483'647);
    kind = Fault::kClockTo2038;
  }
  world_.Count(kind);
  world_.Say("---- ", ToString(kind), " ----");
  world_.wall_offset += to - now;
}

}  // namespace settle::simulation
