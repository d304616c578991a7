#include "simulation/simulation.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "engine/shard.h"
#include "simulation/adversary.h"
#include "simulation/invariants.h"

namespace settle::simulation {
namespace {

constexpr microseconds kLook{20'000};      // between two looks at whether all has ended
constexpr microseconds kInFlight{30'000};  // by then what was sent before the healing has arrived

Settings DrawSettings(World& world) {
  Settings settings = ShrunkenSettings();
  const auto one_of = [&](std::size_t rare, std::size_t usual) {
    return world.Happens(0.2) ? rare : usual;
  };
  settings.mailbox_max = one_of(1 + world.Pick(3), 8);
  settings.commands_queued_max = one_of(1 + world.Pick(2), 100'000);
  settings.sessions_max = one_of(3, 1'000);
  settings.open_transactions_max = one_of(2 + world.Pick(4), 100'000);
  if (world.Happens(0.3)) {
    settings.transaction_timeout = std::chrono::milliseconds(10 + world.Pick(60));
    settings.vote_timeout = std::chrono::milliseconds(5 + world.Pick(30));
  }
  return settings;
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, World::Telling telling);

  SeedResult Run(const std::function<void()>& halfway);
  const World& world() const { return world_; }

 private:
  std::vector<SimulatedDatabase*> SomeDatabases();
  void BeginTransactions(microseconds rough_phase);
  bool Ended();
  microseconds AwaitTheEnd();
  void AskForOutcomes();

  World world_;
  Disk disk_;
  CoordinatorNode coordinator_;
  std::deque<SimulatedDatabase> databases_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::map<Gtid, Note> notes_;
  Witness witness_;
  Adversary adversary_;
  const Scene scene_{notes_, databases_, disk_, coordinator_};
};

Simulation::Simulation(std::uint64_t seed, World::Telling telling)
    : world_(seed, telling),
      coordinator_(world_, disk_, DrawSettings(world_)),
      witness_(world_, coordinator_, notes_),
      adversary_(world_, {coordinator_, disk_, databases_, processes_, notes_}) {
  disk_.log_id = "simulatedlog";
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
std::vector<SimulatedDatabase*> Simulation::SomeDatabases() {
  std::vector<SimulatedDatabase*> some;
  for (SimulatedDatabase& database : databases_) some.push_back(&database);
  if (world_.Happens(0.3)) {
    // The first process leaves out the first of them, the second one the last: none is left alone.
    some.erase(processes_.empty() ? some.begin() : some.end() - 1);
  }
  return some;
}

void Simulation::BeginTransactions(microseconds rough_phase) {
  const std::uint64_t count = 3 + world_.Pick(18);
  for (std::uint64_t i = 0; i < count; ++i) {
    world_.After(world_.UpTo(rough_phase), [this] {
      Process& process = *processes_[world_.Pick(processes_.size())];
      if (process.up() && !process.frozen()) process.RunTransaction(process.DrawPlan());
    });
  }
}

// Nothing runs but what is damaged, and nothing is on its way to the disk.
bool Simulation::Ended() {
  if (!coordinator_.log().idle() || !Settled(scene_)) return false;
  std::size_t running = 0;  // with those whose end the log refused
  std::size_t listed = 0;
  for (const auto& shard : coordinator_.engine().shards()) {
    running += shard->running();
    listed += shard->ListOpen({.most = 1'000'000}).transactions.size();
  }
  return running == listed;
}

microseconds Simulation::AwaitTheEnd() {
  const Instant healed = world_.now();
  Instant next_look = healed + kInFlight;
  while (world_.now() < healed + kHealedBound && world_.Step()) {
    if (world_.now() < next_look) continue;
    next_look = world_.now() + kLook;
    if (Ended()) break;
  }
  return std::chrono::duration_cast<microseconds>(world_.now() - healed);
}

void Simulation::AskForOutcomes() {
  std::size_t missing = 0;
  for (auto& [gtid, note] : notes_) {
    ++missing;
    coordinator_.Arrive([&, &gtid = gtid, &note = note](Engine&, Inquiry& inquiry) {
      inquiry.AskOutcome(gtid, [&](const Result<Ending>& ending) {
        --missing;
        if (ending) note.said_at_the_end = ending->outcome;
      });
    });
  }
  while (missing != 0 && world_.Step()) {
  }
}

SeedResult Simulation::Run(const std::function<void()>& halfway) {
  coordinator_.Start();
  for (const auto& process : processes_) process->Start();
  adversary_.Begin();
  const microseconds rough_phase = microseconds(200'000) + world_.UpTo(microseconds(1'000'000));
  BeginTransactions(rough_phase);
  const Instant rough_until = world_.now() + rough_phase;
  while (world_.now() < rough_until && world_.Step()) {
  }
  if (halfway) halfway();
  adversary_.Heal();
  SeedResult result;
  result.settled_after = AwaitTheEnd();
  AskForOutcomes();
  result.violations = FindViolations(scene_);
  result.faults = world_.faults();
  result.events = world_.events();
  result.transactions = notes_.size();
  result.transcript = world_.transcript();
  return result;
}

// What this thread runs, for whoever ends it in the middle.
thread_local std::uint64_t running_seed = 0;
thread_local const World* running_world = nullptr;

// Shared by all threads; set before they run.
TellAssertion& Told() {
  static TellAssertion tell;
  return tell;
}

// abort() raises the signal on the thread that calls it, between two statements of ours.
void EndAtAssertion(int) {
  if (running_world != nullptr) Told()(running_seed, running_world->transcript());
  std::_Exit(EXIT_FAILURE);
}

}  // namespace

SeedResult RunSeed(std::uint64_t seed, World::Telling telling,
                   const std::function<void()>& halfway) {
  Simulation simulation(seed, telling);
  running_seed = seed;
  running_world = &simulation.world();
  SeedResult result = simulation.Run(halfway);
  running_world = nullptr;
  return result;
}

void OnAssertion(TellAssertion tell) {
  Told() = std::move(tell);
  std::signal(SIGABRT, EndAtAssertion);
}

}  // namespace settle::simulation
