#include "simulation/run.h"

#include <csignal>
#include <cstdlib>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

constexpr microseconds kLook{20'000};      // between two looks at whether all has ended
constexpr microseconds kInFlight{30'000};  // by then what was sent before the healing has arrived

Settings DrawSettings(World& world, std::size_t sessions) {
  Settings settings = ShrunkenSettings();
  const auto one_of = [&](std::size_t rare, std::size_t usual) {
    return world.Happens(0.2) ? rare : usual;
  };
  settings.mailbox_max = one_of(1 + world.Pick(3), 8);
  settings.commands_queued_max = one_of(1 + world.Pick(2), 100'000);
  settings.sessions_max = one_of(sessions, 1'000);
  settings.open_transactions_max = one_of(2 + world.Pick(4), 100'000);
  if (world.Happens(0.3)) {
    settings.transaction_timeout = std::chrono::milliseconds(10 + world.Pick(60));
    settings.vote_timeout = std::chrono::milliseconds(5 + world.Pick(30));
  }
  return settings;
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

std::unique_ptr<Run> MakeRun(Protocol protocol, std::uint64_t seed, World::Telling telling) {
  switch (protocol) {
    case Protocol::kTwoPhase: return MakeTwoPhaseRun(seed, telling);
    case Protocol::kThreePhase: return MakeThreePhaseRun(seed, telling);
    case Protocol::kSaga: return MakeSagaRun(seed, telling);
    case Protocol::kTcc: return MakeTccRun(seed, telling);
  }
  return nullptr;
}

}  // namespace

Run::Run(std::uint64_t seed, World::Telling telling, std::size_t sessions)
    : world_(seed, telling), coordinator_(world_, disk_, DrawSettings(world_, sessions)) {
  disk_.log_id = "simulatedlog";
}

bool Run::CoordinatorRests() {
  if (!coordinator_.up() || !coordinator_.log().idle()) return false;
  std::size_t running = 0;  // with those whose end the log refused
  std::size_t listed = 0;
  for (const auto& shard : coordinator_.engine().shards()) {
    running += shard->running();
    listed += shard->ListOpen({.most = 1'000'000}).transactions.size();
  }
  return running == listed;
}

microseconds Run::AwaitTheEnd() {
  const Instant healed = world_.now();
  Instant next_look = healed + kInFlight;
  while (world_.now() < healed + kHealedBound && world_.Step()) {
    if (world_.now() < next_look) continue;
    next_look = world_.now() + kLook;
    if (Ended()) break;
  }
  return std::chrono::duration_cast<microseconds>(world_.now() - healed);
}

void Run::AskForOutcomes() {
  std::size_t missing = 0;
  for (const Gtid& gtid : Begun()) {
    ++missing;
    coordinator_.Arrive([&](Engine&, Inquiry& inquiry) {
      inquiry.AskOutcome(gtid, [this, &missing, gtid](const Result<Ending>& ending) {
        --missing;
        if (ending) Said(gtid, *ending);
      });
    });
  }
  while (missing != 0 && world_.Step()) {
  }
}

SeedResult Run::Play(const std::function<void()>& halfway) {
  coordinator_.Start();
  for (Caller* process : processes()) process->Start();
  adversary().Begin(processes());
  const microseconds rough_phase = microseconds(200'000) + world_.UpTo(microseconds(1'000'000));
  BeginWork(rough_phase);
  const Instant rough_until = world_.now() + rough_phase;
  while (world_.now() < rough_until && world_.Step()) {
  }
  if (halfway) halfway();
  BeforeHealing();
  adversary().Heal();
  SeedResult result;
  result.settled_after = AwaitTheEnd();
  AskForOutcomes();
  // A report of an old scan that came in between takes up once more what had ended.
  if (result.settled_after < kHealedBound && !Ended()) AwaitTheEnd();
  result.violations = FindViolations();
  result.faults = world_.faults();
  result.events = world_.events();
  result.transactions = Begun().size();
  result.transcript = world_.transcript();
  return result;
}

SeedResult RunSeed(Protocol protocol, std::uint64_t seed, World::Telling telling,
                   const std::function<void()>& halfway) {
  const std::unique_ptr<Run> run = MakeRun(protocol, seed, telling);
  running_seed = seed;
  running_world = &run->world();
  SeedResult result = run->Play(halfway);
  running_world = nullptr;
  return result;
}

void OnAssertion(TellAssertion tell) {
  Told() = std::move(tell);
  std::signal(SIGABRT, EndAtAssertion);
}

}  // namespace settle::simulation
