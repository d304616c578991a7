// The world of three-phase commit: two to five sites, each served by one process or two.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "engine/shard.h"
#include "simulation/run.h"
#include "simulation/three_phase_adversary.h"

namespace settle::simulation {
namespace {

constexpr std::size_t kBranchesMost = 5;
constexpr std::size_t kProcesses = 4;

sdk::recovery::Settings DrawSettings(World& world) {
  using std::chrono::milliseconds;
  sdk::recovery::Settings settings;
  // So short that healthy coordinators are suspected, or as long as it takes.
  settings.patience = milliseconds(world.Happens(0.7) ? 1 + world.Pick(15) : 60);
  settings.attached_factor = world.Happens(0.6) ? 1 : 4;
  settings.pause_first = milliseconds(2 + world.Pick(20));
  settings.pause_most = milliseconds(100);
  return settings;
}

class ThreePhaseRun : public Run {
 public:
  ThreePhaseRun(std::uint64_t seed, World::Telling telling);

 private:
  Adversary& adversary() override { return adversary_; }
  std::vector<Caller*> processes() override;
  void BeginWork(microseconds rough_phase) override;
  void BeforeHealing() override { adversary_.HealAPart(); }
  bool Ended() override { return CoordinatorRests() && Settled(scene_); }
  std::vector<Gtid> Begun() override;
  void Said(const Gtid& gtid, const Ending& ending) override {
    notes_.at(gtid).said_at_the_end = ending.outcome;
  }
  std::vector<std::string> FindViolations() override;

  Plan DrawPlan(SiteProcess& client);

  std::deque<SimulatedDatabase> databases_;
  std::deque<SimulatedLedger> ledgers_;
  std::vector<std::unique_ptr<SiteProcess>> processes_;
  SiteProcess::Peers peers_;
  std::map<Gtid, Note> notes_;
  Witness witness_;
  ThreePhaseAdversary adversary_;
  const Scene scene_{notes_, databases_, disk_, coordinator_};
};

ThreePhaseRun::ThreePhaseRun(std::uint64_t seed, World::Telling telling)
    : Run(seed, telling, kProcesses + 1),
      witness_(world_, coordinator_, notes_),
      adversary_(world_, coordinator_, disk_,
                 {databases_, notes_, {ledgers_, peers_, coordinator_, world_}}) {
  if (world_.Happens(0.6)) {
    // So many get as far as pre-commit, and only there the world breaks.
    world_.roughness.process_life = microseconds(0);
    world_.roughness.process_freeze_every = microseconds(0);
    world_.roughness.coordinator_life = microseconds(0);
    world_.roughness.partition_every = microseconds(0);
  }
  disk_.watch = [this](const Record& record) {
    witness_.Appends(record);
    adversary_.Saw(record);
  };
  disk_.may_prune = [this](const Gtid& gtid) {
    return std::none_of(databases_.begin(), databases_.end(),
                        [&](const auto& database) { return database.Holds(gtid); });
  };
  for (std::size_t i = 0; i < kBranchesMost; ++i) {
    const bool last = i + 1 == kBranchesMost;
    databases_.emplace_back(world_, std::string("bank-") + static_cast<char>('a' + i),
                            last ? DatabaseKind::kSqliteLike : DatabaseKind::kPostgresLike);
    ledgers_.emplace_back(world_, databases_.back());
  }
  std::vector<std::vector<SimulatedLedger*>> served(kProcesses);
  for (std::size_t i = 0; i < kBranchesMost; ++i) {
    served[i % kProcesses].push_back(&ledgers_[i]);
    const std::size_t second = world_.Pick(kProcesses);
    if (second != i % kProcesses && world_.Happens(0.5)) served[second].push_back(&ledgers_[i]);
  }
  const sdk::recovery::Settings settings = DrawSettings(world_);
  std::vector<Process*> all;
  for (std::size_t i = 0; i < kProcesses; ++i) {
    const std::string name = "process-" + std::to_string(i + 1);
    processes_.push_back(std::make_unique<SiteProcess>(world_, coordinator_, name, served[i],
                                                       peers_, settings, notes_));
    peers_[name] = processes_.back().get();
    all.push_back(processes_.back().get());
  }
  for (Process* process : all) process->Meet(all);
}

std::vector<Caller*> ThreePhaseRun::processes() {
  std::vector<Caller*> all;
  for (const auto& process : processes_) all.push_back(process.get());
  return all;
}

// Two to five branches in as many databases, here and there.
Plan ThreePhaseRun::DrawPlan(SiteProcess& client) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < kBranchesMost; ++i) chosen.push_back(i);
  for (std::size_t i = kBranchesMost; i > 1; --i) std::swap(chosen[i - 1], chosen[world_.Pick(i)]);
  chosen.resize(2 + world_.Pick(kBranchesMost - 1));
  Plan plan;
  plan.protocol = settle::Protocol::kThreePhase;
  std::int64_t rest = 0;
  for (const std::size_t i : chosen) {
    std::vector<SiteProcess*> able;
    for (const auto& process : processes_) {
      if (process->Serves(databases_[i].name())) able.push_back(process.get());
    }
    SiteProcess* where = able[world_.Pick(able.size())];
    if (client.Serves(databases_[i].name()) && world_.Happens(0.7)) where = &client;
    const std::int64_t change =
        i == chosen.back() ? -rest : 1 + static_cast<std::int64_t>(world_.Pick(50));
    rest += change;
    plan.parts.push_back({where, &databases_[i], change, false});
  }
  plan.wait = world_.Happens(0.5) ? coordinator::Wait::kApplied : coordinator::Wait::kDecision;
  if (world_.Happens(0.05))
    plan.then = world_.Happens(0.5) ? Plan::Then::kAbort : Plan::Then::kNothing;
  return plan;
}

void ThreePhaseRun::BeginWork(microseconds rough_phase) {
  const std::uint64_t count = 3 + world_.Pick(12);
  for (std::uint64_t i = 0; i < count; ++i) {
    world_.After(world_.UpTo(rough_phase), [this] {
      SiteProcess& process = *processes_[world_.Pick(processes_.size())];
      if (process.up() && !process.frozen()) process.RunTransaction(DrawPlan(process));
    });
  }
}

std::vector<Gtid> ThreePhaseRun::Begun() {
  std::vector<Gtid> begun;
  for (const auto& [gtid, note] : notes_) begun.push_back(gtid);
  return begun;
}

std::vector<std::string> ThreePhaseRun::FindViolations() {
  CheckRecords({ledgers_, peers_, coordinator_, world_});
  return simulation::FindViolations(scene_);
}

}  // namespace

std::unique_ptr<Run> MakeThreePhaseRun(std::uint64_t seed, World::Telling telling) {
  return std::make_unique<ThreePhaseRun>(seed, telling);
}

}  // namespace settle::simulation
