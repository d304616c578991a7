// The world of two-phase commit: databases that can prepare, and processes with the SDK's machines.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "engine/shard.h"
#include "simulation/invariants.h"
#include "simulation/run.h"
#include "simulation/two_phase_adversary.h"

namespace settle::simulation {
namespace {

class TwoPhaseRun : public Run {
 public:
  TwoPhaseRun(std::uint64_t seed, World::Telling telling);

 private:
  Adversary& adversary() override { return adversary_; }
  std::vector<Caller*> processes() override { return {processes_[0].get(), processes_[1].get()}; }
  void BeginWork(microseconds rough_phase) override;
  bool Ended() override { return CoordinatorRests() && Settled(scene_); }
  std::vector<Gtid> Begun() override;
  void Said(const Gtid& gtid, const Ending& ending) override {
    notes_.at(gtid).said_at_the_end = ending.outcome;
  }
  std::vector<std::string> FindViolations() override { return simulation::FindViolations(scene_); }

  std::vector<SimulatedDatabase*> SomeDatabases();

  std::deque<SimulatedDatabase> databases_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::map<Gtid, Note> notes_;
  Witness witness_;
  TwoPhaseAdversary adversary_;
  const Scene scene_{notes_, databases_, disk_, coordinator_};
};

TwoPhaseRun::TwoPhaseRun(std::uint64_t seed, World::Telling telling)
    : Run(seed, telling),
      witness_(world_, coordinator_, notes_),
      adversary_(world_, coordinator_, disk_, {databases_, processes_, notes_}) {
  disk_.watch = [this](const Record& record) { witness_.Appends(record); };
  disk_.may_prune = [this](const Gtid& gtid) {
    return std::none_of(databases_.begin(), databases_.end(),
                        [&](const auto& database) { return database.Holds(gtid); });
  };
  databases_.emplace_back(world_, "bank-a", DatabaseKind::kPostgresLike);
  databases_.emplace_back(world_, "bank-b", DatabaseKind::kPostgresLike);
  databases_.emplace_back(world_, "bank-c", DatabaseKind::kSqliteLike);
  for (const char* name : {"process-1", "process-2"}) {
    processes_.push_back(
        std::make_unique<Process>(world_, coordinator_, name, SomeDatabases(), notes_));
  }
  processes_[0]->Meet({processes_[1].get()});
  processes_[1]->Meet({processes_[0].get()});
}

// All, or all but one: a transaction then needs both processes to end.
std::vector<SimulatedDatabase*> TwoPhaseRun::SomeDatabases() {
  std::vector<SimulatedDatabase*> some;
  for (SimulatedDatabase& database : databases_) some.push_back(&database);
  if (world_.Happens(0.3)) {
    // The first process leaves out the first of them, the second one the last: none is left alone.
    some.erase(processes_.empty() ? some.begin() : some.end() - 1);
  }
  return some;
}

void TwoPhaseRun::BeginWork(microseconds rough_phase) {
  const std::uint64_t count = 3 + world_.Pick(18);
  for (std::uint64_t i = 0; i < count; ++i) {
    world_.After(world_.UpTo(rough_phase), [this] {
      Process& process = *processes_[world_.Pick(processes_.size())];
      if (process.up() && !process.frozen()) process.RunTransaction(process.DrawPlan());
    });
  }
}

std::vector<Gtid> TwoPhaseRun::Begun() {
  std::vector<Gtid> begun;
  for (const auto& [gtid, note] : notes_) begun.push_back(gtid);
  return begun;
}

}  // namespace

std::unique_ptr<Run> MakeTwoPhaseRun(std::uint64_t seed, World::Telling telling) {
  return std::make_unique<TwoPhaseRun>(seed, telling);
}

}  // namespace settle::simulation
