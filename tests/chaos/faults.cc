#include "chaos/faults.h"

#include <csignal>
#include <utility>

namespace settle::testing {
namespace {

constexpr std::chrono::seconds kHunt{5};  // the moment comes within, or the fault does not fire

}  // namespace

void Faults::Strike(const PlannedFault& fault) {
  ++counts_[fault.kind].planned;
  static_cast<void>(Begin(fault));
}

void Faults::HealLater(const PlannedFault& fault, std::function<bool()> heal) {
  open_.push_back({Clock::now() + fault.lasts, fault.kind, std::move(heal)});
}

int Faults::HealDue(Clock::time_point now) {
  int healed = 0;
  for (std::size_t i = 0; i < open_.size();) {
    if (open_[i].until > now) {
      ++i;
      continue;
    }
    const Open one = std::move(open_[i]);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!one.heal()) continue;
    ++counts_[one.kind].fired;
    ++healed;
  }
  return healed;
}

bool Faults::Begin(const PlannedFault& fault) {
  switch (fault.kind) {
    case FaultKind::kKillDaemon:
    case FaultKind::kFreezeDaemon: return BeginDaemon(fault);
    case FaultKind::kKillProgram:
    case FaultKind::kFreezeProgram: return BeginProgram(fault);
    case FaultKind::kStopPostgres:
    case FaultKind::kKillPostgres:
    case FaultKind::kTerminateBackend: return BeginPostgres(fault);
    case FaultKind::kCutWire:
    case FaultKind::kPartition:
    case FaultKind::kPartitionOneWay: return BeginWire(fault);
    case FaultKind::kDiskFull: return BeginDiskFull(fault);
    case FaultKind::kOperator:
      operator_.Act(fault.detail);
      HealLater(fault, [] { return true; });
      return true;
    case FaultKind::kMajorityGone:
      if (hunted_) return false;
      hunted_ = Hunted{fault, Clock::now() + kHunt};
      return true;
  }
  return false;
}

bool Faults::BeginDaemon(const PlannedFault& fault) {
  Process& daemon = stage_.daemon().process();
  if (stage_.daemon_down || !daemon.running()) return false;
  stage_.daemon_down = true;
  if (fault.kind == FaultKind::kKillDaemon) {
    daemon.Kill();
    HealLater(fault, [this] { return stage_.daemon_down = false, stage_.Supervise(), true; });
    return true;
  }
  daemon.Signal(SIGSTOP);
  const bool frozen = WaitUntil([&] { return daemon.frozen(); }, 1s);
  HealLater(fault, [this, &daemon, frozen] {
    daemon.Signal(SIGCONT);
    stage_.daemon_down = false;
    return frozen;
  });
  return true;
}

bool Faults::BeginProgram(const PlannedFault& fault) {
  Slot& slot = stage_.slots()[fault.target % stage_.slots().size()];
  Process& process = slot.application->process();
  if (slot.down || !process.running()) return false;
  slot.down = true;
  if (fault.kind == FaultKind::kKillProgram) {
    process.Kill();
    HealLater(fault, [this, &slot] { return slot.down = false, stage_.Supervise(), true; });
    return true;
  }
  process.Signal(SIGSTOP);
  const bool frozen = WaitUntil([&] { return process.frozen(); }, 1s);
  HealLater(fault, [&slot, &process, frozen] {
    process.Signal(SIGCONT);
    slot.down = false;
    return frozen;
  });
  return true;
}

bool Faults::BeginPostgres(const PlannedFault& fault) {
  const std::size_t number = fault.target % 2;
  PostgresCluster& cluster = stage_.cluster(number);
  if (stage_.cluster_down[number]) return false;
  if (fault.kind == FaultKind::kTerminateBackend) {
    const std::string ended = cluster.Query(
        "postgres",
        "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE "
        "backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname LIKE 'bank_%' "
        "ORDER BY md5(pid::text || '" +
            std::to_string(fault.detail) + "') LIMIT " + std::to_string(1 + fault.detail % 4) +
            ") one");
    HealLater(fault, [ended] { return ended != "0"; });
    return true;
  }
  stage_.cluster_down[number] = true;
  if (fault.kind == FaultKind::kStopPostgres) {
    cluster.Stop(PostgresCluster::StopMode::kImmediate);
  } else {
    cluster.Kill();
  }
  HealLater(fault, [this, &cluster, number] {
    cluster.Start();
    stage_.cluster_down[number] = false;
    return true;
  });
  return true;
}

bool Faults::BeginWire(const PlannedFault& fault) {
  FaultyWire& wire = *stage_.slots()[fault.target % stage_.slots().size()].wire;
  if (std::exchange(held_[&wire], true)) return false;
  const Toward way = fault.detail % 2 == 0 ? Toward::kDaemon : Toward::kProgram;
  if (fault.kind == FaultKind::kCutWire) {
    wire.CutAfter(way, fault.detail / 2 % 2'000);
    HealLater(fault, [this, &wire] { return held_[&wire] = false, !wire.SpareTheRest(); });
    return true;
  }
  if (fault.kind == FaultKind::kPartition) {
    wire.Partition();
  } else {
    wire.Partition({way});
  }
  HealLater(fault, [this, &wire] {
    const bool fired = wire.HeldBytes();
    wire.Heal();
    held_[&wire] = false;
    return fired;
  });
  return true;
}

bool Faults::BeginDiskFull(const PlannedFault& fault) {
  const std::size_t number = fault.target % 2;
  if (std::exchange(disk_full_[number], true)) return false;
  const bool full = stage_.disk(number).Fill();
  HealLater(fault, [this, number, full] {
    stage_.disk(number).MakeRoom();
    disk_full_[number] = false;
    return full;
  });
  return true;
}

bool Faults::TakeSites(Away how) {
  for (const Slot& slot : stage_.slots()) {
    if (!slot.site) continue;
    if (slot.down || !slot.application->process().running() || held_[slot.wire.get()]) return false;
  }
  for (Slot& slot : stage_.slots()) {
    if (!slot.site) continue;
    if (how == Away::kFrozen) {
      slot.down = true;
      slot.application->process().Signal(SIGSTOP);
    } else {
      held_[slot.wire.get()] = true;
      slot.wire->Partition({how == Away::kUnheard ? Toward::kDaemon : Toward::kProgram});
    }
  }
  return true;
}

void Faults::GiveSitesBack(Away how) {
  for (Slot& slot : stage_.slots()) {
    if (!slot.site) continue;
    if (how == Away::kFrozen) {
      slot.application->process().Signal(SIGCONT);
      slot.down = false;
    } else {
      slot.wire->Heal();
      held_[slot.wire.get()] = false;
    }
  }
}

// Takes the sites away, looks whether a transaction waits for a majority of them now, and if none
// does gives them back until the next look.
void Faults::Hunt() {
  if (!hunted_ || stage_.daemon_down) return;
  const PlannedFault fault = hunted_->fault;
  if (Clock::now() > hunted_->until) return hunted_.reset();
  const Away how = static_cast<Away>(fault.target % 3);
  if (!TakeSites(how)) return;
  if (!operator_.SeesWhatWaits()) return GiveSitesBack(how);
  hunted_.reset();
  // So that they find out that the coordinator cannot be reached.
  for (const Slot& slot : stage_.slots()) {
    if (slot.site && how != Away::kFrozen) slot.wire->Sever();
  }
  operator_.Force(fault.detail, Clock::now() + fault.lasts);
  HealLater(fault, [this, how] { return GiveSitesBack(how), true; });
}

}  // namespace settle::testing
