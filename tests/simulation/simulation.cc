#include "simulation/simulation.h"

#include <memory>
#include <set>
#include <utility>

#include "simulation/invariants.h"

namespace settle::simulation {
namespace {

constexpr microseconds kRoughPhase{1'500'000};
constexpr microseconds kHealedPhase{20'000'000};  // the stated bound: everything has ended by then
constexpr std::size_t kTransactions = 25;

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : world_(seed), coordinator_(world_, disk_) {
    disk_.log_id = "simulatedlog";
    databases_.emplace_back(world_, "bank-a", DatabaseKind::kPostgresLike);
    databases_.emplace_back(world_, "bank-b", DatabaseKind::kPostgresLike);
    databases_.emplace_back(world_, "bank-c", DatabaseKind::kSqliteLike);
    for (const char* name : {"process-1", "process-2"}) {
      processes_.push_back(
          std::make_unique<Process>(world_, coordinator_, name, Databases(), notes_));
    }
    processes_[0]->Meet({processes_[1].get()});
    processes_[1]->Meet({processes_[0].get()});
  }

  SeedResult Run();

 private:
  std::vector<SimulatedDatabase*> Databases() {
    std::vector<SimulatedDatabase*> all;
    for (SimulatedDatabase& database : databases_) all.push_back(&database);
    return all;
  }
  microseconds LifeTime(microseconds mean) { return microseconds(1000) + world_.UpTo(2 * mean); }
  void PlanCoordinatorCrash();
  void PlanProcessCrash(Process& process);
  void PlanPartition();
  void PlanOperator();
  void Heal();

  World world_;
  Disk disk_;
  CoordinatorNode coordinator_;
  std::deque<SimulatedDatabase> databases_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::map<Gtid, Note> notes_;
  std::set<Gtid> by_hand_;  // an operator went behind Settle's back
  const Scene scene_{notes_, databases_, disk_, coordinator_, by_hand_};
};

void Simulation::PlanCoordinatorCrash() {
  if (world_.roughness.coordinator_life.count() == 0) return;
  world_.After(LifeTime(world_.roughness.coordinator_life), [this] {
    if (world_.healed) return;
    world_.Count("coordinator crashed");
    coordinator_.Crash();
    world_.After(LifeTime(microseconds(20'000)), [this] {
      if (!coordinator_.up()) coordinator_.Start();
      PlanCoordinatorCrash();
    });
  });
}

void Simulation::PlanProcessCrash(Process& process) {
  if (world_.roughness.process_life.count() == 0) return;
  world_.After(LifeTime(world_.roughness.process_life), [this, &process] {
    if (world_.healed) return;
    world_.Count("process crashed");
    process.Crash();
    world_.After(LifeTime(microseconds(30'000)), [this, &process] {
      if (!process.up()) process.Start();
      PlanProcessCrash(process);
    });
  });
}

void Simulation::PlanPartition() {
  if (world_.roughness.partition_every.count() == 0) return;
  world_.After(LifeTime(world_.roughness.partition_every), [this] {
    if (world_.healed) return;
    world_.partitioned = true;
    world_.After(LifeTime(microseconds(60'000)), [this] {
      world_.partitioned = false;
      PlanPartition();
    });
  });
}

void Simulation::PlanOperator() {
  world_.After(microseconds(5'000), [this] {
    if (world_.healed) return;
    if (world_.Strikes(world_.roughness.operator_hand, "operator's hand")) {
      if (const auto key = databases_[world_.Pick(databases_.size())].HandleByHand()) {
        world_.Say("an operator finishes " + key->DatabaseName() + " by hand");
        by_hand_.insert(key->gtid);
      }
    }
    if (!notes_.empty() && world_.Strikes(world_.roughness.operator_abort, "operator aborts")) {
      const Gtid gtid =
          std::next(notes_.begin(), static_cast<long>(world_.Pick(notes_.size())))->first;
      coordinator_.Arrive([&](Engine& engine, Inquiry&) {
        engine.Abort({gtid, AbortCause::kOperator, "simulated operator", {}},
                     [](const Result<Ending>&) {});
      });
    }
    PlanOperator();
  });
}

void Simulation::Heal() {
  world_.Say("---- healed ----");
  world_.healed = true;
  world_.partitioned = false;
  if (!coordinator_.up()) coordinator_.Start();
  for (const auto& process : processes_) {
    if (!process->up()) process->Start();
  }
}

SeedResult Simulation::Run() {
  coordinator_.Start();
  for (const auto& process : processes_) {
    process->Start();
    PlanProcessCrash(*process);
  }
  PlanCoordinatorCrash();
  PlanPartition();
  PlanOperator();
  for (std::size_t i = 0; i < kTransactions; ++i) {
    world_.After(world_.UpTo(kRoughPhase), [this] {
      Process& process = *processes_[world_.Pick(processes_.size())];
      if (process.up()) process.RunTransaction(process.DrawPlan());
    });
  }
  const Instant rough_until = world_.now() + kRoughPhase;
  while (world_.now() < rough_until && world_.Step()) {
  }
  Heal();
  const Instant healed_until = world_.now() + kHealedPhase;
  Instant next_look = world_.now() + microseconds(300'000);
  while (world_.now() < healed_until && world_.Step()) {
    if (world_.now() < next_look) continue;
    next_look = world_.now() + microseconds(300'000);
    if (Settled(scene_)) break;
  }
  SeedResult result;
  result.violations = FindViolations(scene_);
  result.faults = world_.faults();
  result.events = world_.events();
  result.transactions = notes_.size();
  if (!result.violations.empty())
    result.transcript.assign(world_.transcript().begin(), world_.transcript().end());
  return result;
}

}  // namespace

SeedResult RunSeed(std::uint64_t seed) { return Simulation(seed).Run(); }

}  // namespace settle::simulation
