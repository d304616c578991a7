#include "simulation/adversary.h"

#include <algorithm>
#include <iterator>
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

void Adversary::Begin() {
  const Roughness& rough = world_.roughness;
  victims_.coordinator.when_it_ends_itself = [this] { RestartCoordinatorLater(); };
  Every(rough.coordinator_life, [this] { CrashCoordinator(); });
  Every(rough.coordinator_freeze_every, [this] { FreezeCoordinator(); });
  Every(rough.coordinator_stall_every, [this] {
    world_.Count(Fault::kCoordinatorStalled);
    victims_.coordinator.StallUntil(world_.now() + world_.UpTo(microseconds(40'000)));
  });
  Every(rough.older_copy_every, [this] { RunOlderCopy(); });
  for (const auto& process : victims_.processes) {
    Every(rough.process_life, [this, &process = *process] { CrashProcess(process); });
    Every(rough.process_freeze_every, [this, &process = *process] { FreezeProcess(process); });
  }
  if (rough.dead_for_good) {
    Process& process = *victims_.processes[world_.Pick(victims_.processes.size())];
    world_.After(Soon(microseconds(300'000)), [this, &process] { KillForGood(process); });
  }
  Every(rough.partition_every, [this] { Partition(); });
  Every(rough.database_life, [this] { CrashDatabase(); });
  Every(rough.fail_over_every, [this] { FailOver(); });
  Every(rough.disk_full_every, [this] { FillDisk(); });
  Every(rough.clock_jump_every, [this] { JumpClock(); });
  if (rough.operator_hand > 0) Every(microseconds(5'000), [this] { HandInTheDatabase(); });
  if (rough.operator_acts > 0) Every(microseconds(5'000), [this] { OperatorActs(); });
}

void Adversary::Heal() {
  world_.Say("---- healed ----");
  world_.healed = true;
  world_.partition.reset();
  victims_.disk.full = false;
  for (SimulatedDatabase& database : victims_.databases) {
    if (!database.up()) database.Start();
    if (database.standby()) database.FailOver(0);
  }
  if (older_copy_runs_) BringBackNewestLog();
  if (!victims_.coordinator.up()) victims_.coordinator.Start();
  victims_.coordinator.Thaw();
  for (const auto& process : victims_.processes) {
    if (!process->up()) process->Start();
    process->Thaw();
  }
}

void Adversary::CrashCoordinator() {
  if (!victims_.coordinator.up() || older_copy_runs_) return;
  world_.Count(Fault::kCoordinatorCrashed);
  victims_.coordinator.Crash();
  RestartCoordinatorLater();
}

void Adversary::RestartCoordinatorLater() {
  world_.After(Soon(microseconds(20'000)), [this] {
    if (victims_.coordinator.up()) return;
    victims_.coordinator.Start();
    // Sometimes it dies again at once, in the middle of its recovery.
    if (world_.healed || !world_.Happens(0.2)) return;
    world_.After(world_.UpTo(microseconds(1'500)), [this] {
      if (!world_.healed) CrashCoordinator();
    });
  });
}

void Adversary::FreezeCoordinator() {
  CoordinatorNode& coordinator = victims_.coordinator;
  if (!coordinator.up() || coordinator.frozen() || older_copy_runs_) return;
  world_.Count(Fault::kCoordinatorFrozen);
  coordinator.Freeze();
  world_.After(Soon(microseconds(150'000)), [&coordinator] {
    if (coordinator.up()) coordinator.Thaw();
  });
}

// The log is restored from a copy that is two lives old. Whoever has seen a later one refuses it;
// nobody dies meanwhile, since a process that has forgotten what it has seen cannot refuse.
void Adversary::RunOlderCopy() {
  CoordinatorNode& coordinator = victims_.coordinator;
  const bool all_there =
      std::all_of(victims_.processes.begin(), victims_.processes.end(), [](const auto& process) {
        return process->up() && process->attached() && !process->frozen();
      });
  if (!coordinator.up() || coordinator.frozen() || older_copy_runs_ || !all_there) return;
  if (victims_.disk.epoch < 3 || dead_for_good_ != nullptr) return;
  for (const auto& process : victims_.processes) {
    if (process->greeted() != victims_.disk.epoch) return;
  }
  older_copy_runs_ = true;
  coordinator.Crash();
  newest_ = victims_.disk;
  victims_.disk = newest_.CopyBefore(newest_.epoch - 1);
  world_.Say("---- the log is restored from an older copy ----");
  coordinator.Start();
  world_.After(microseconds(10'000) + world_.UpTo(microseconds(60'000)), [this] {
    if (older_copy_runs_) BringBackNewestLog();
  });
}

void Adversary::BringBackNewestLog() {
  CoordinatorNode& coordinator = victims_.coordinator;
  if (coordinator.up()) coordinator.Crash();
  world_.Say("---- the newest log is brought back ----");
  older_copy_runs_ = false;
  victims_.disk = std::move(newest_);
  coordinator.Start();
}

void Adversary::CrashProcess(Process& process) {
  if (!process.up() || older_copy_runs_) return;
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

void Adversary::KillForGood(Process& process) {
  if (world_.healed || older_copy_runs_) return;
  world_.Count(Fault::kProcessDeadForGood);
  if (process.up()) process.Crash();
  dead_for_good_ = &process;
}

void Adversary::FreezeProcess(Process& process) {
  if (!process.up() || process.frozen() || older_copy_runs_) return;
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
    partition.process = victims_.processes[world_.Pick(victims_.processes.size())]->name();
  }
  world_.partition = partition;
  world_.Say("---- the network is cut ----");
  const microseconds mean(world_.Happens(0.2) ? 400'000 : 60'000);
  world_.After(Soon(mean), [this] {
    world_.partition.reset();
    world_.Say("---- the network is whole ----");
  });
}

void Adversary::CrashDatabase() {
  SimulatedDatabase& database = victims_.databases[world_.Pick(victims_.databases.size())];
  if (!database.up() || database.standby()) return;
  world_.Count(Fault::kDatabaseCrashed);
  database.Crash();
  world_.After(Soon(microseconds(15'000)), [&database] { database.Start(); });
}

void Adversary::FailOver() {
  SimulatedDatabase& database = victims_.databases[world_.Pick(victims_.databases.size())];
  if (!database.can_fail_over() || !database.up() || database.standby()) return;
  database.BecomeStandby();
  world_.After(world_.UpTo(microseconds(20'000)), [this, &database] {
    if (database.standby()) database.FailOver(world_.Pick(4));
  });
}

void Adversary::FillDisk() {
  world_.Say("---- the log's disk is full ----");
  victims_.disk.full = true;
  world_.After(Soon(microseconds(40'000)), [this] { victims_.disk.full = false; });
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

void Adversary::HandInTheDatabase() {
  if (!world_.Happens(world_.roughness.operator_hand)) return;
  const auto key = victims_.databases[world_.Pick(victims_.databases.size())].HandleByHand();
  if (!key) return;
  world_.Count(Fault::kOperatorsHand);
  world_.Say("---- an operator finishes ", key->DatabaseName(), " by hand ----");
}

void Adversary::OperatorActs() {
  if (victims_.notes.empty() || !world_.Happens(world_.roughness.operator_acts)) return;
  if (!victims_.coordinator.up() || older_copy_runs_) return;
  const std::uint64_t what = world_.Pick(3);
  if (what == 2) return OperatorForgets();
  const Gtid gtid =
      std::next(victims_.notes.begin(), static_cast<long>(world_.Pick(victims_.notes.size())))
          ->first;
  victims_.coordinator.Arrive([this, what, gtid](Engine& engine, Inquiry&) {
    if (what == 0) {
      engine.Abort({gtid, AbortCause::kOperator, "simulated operator", {}},
                   [this](const Result<Ending>& ending) {
                     if (ending && ending->cause == AbortCause::kOperator)
                       world_.Count(Fault::kOperatorAborts);
                   });
    } else {
      engine.Hurry(gtid, [this](const Result<Hurried>& hurried) {
        if (hurried) world_.Count(Fault::kOperatorHurries);
      });
    }
  });
}

// A branch of a forgotten transaction that a fail-over prepares again is nobody's but the
// operator's, so that is left out.
void Adversary::OperatorForgets() {
  if (world_.roughness.fail_over_every.count() != 0) return;
  for (const auto& [gtid, note] : victims_.notes) {
    if (!victims_.disk.damaged.contains(gtid) || victims_.disk.forgotten.contains(gtid)) continue;
    victims_.coordinator.Arrive([this, &gtid = gtid](Engine& engine, Inquiry&) {
      engine.Forget({gtid, "simulated operator", "repaired by hand"},
                    [this](const Result<std::monostate>& forgotten) {
                      if (forgotten) world_.Count(Fault::kOperatorForgets);
                    });
    });
    return;
  }
}

}  // namespace settle::simulation
