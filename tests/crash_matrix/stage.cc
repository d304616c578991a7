#include "crash_matrix/stage.h"

#include <algorithm>
#include <utility>

namespace settle::crash_matrix {

using coordinator::Engine;
using coordinator::Inquiry;
using coordinator::Settings;
using simulation::Fault;
using simulation::Process;
using simulation::SimulatedDatabase;
using simulation::World;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSoon{3};
constexpr milliseconds kLate{700};  // more than any timer of the settings
// A client that heard nothing asks again within this; so quiet must last longer.
constexpr milliseconds kQuiet{250};
constexpr milliseconds kLookEvery{5};

// As in the simulation, but sessions are lost before deadlines pass, so that both can be seen.
Settings StageSettings() {
  Settings settings = simulation::ShrunkenSettings();
  settings.transaction_timeout = milliseconds(400);
  settings.session_timeout = milliseconds(120);
  settings.mailbox_max = 1000;
  return settings;
}

bool IsIdle(const Step& step) {
  return step.what == "sends fetch to coordinator" ||
         step.what.starts_with("sends answer to fetch to ");
}

}  // namespace

Stage::Stage(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
             const Staging& staging)
    : scenario_(scenario),
      crashes_(crashes),
      staging_(staging),
      world_(staging.timing.value_or(scenario.timing),
             staging.transcript ? World::Telling::kTranscript : World::Telling::kNothing),
      coordinator_(world_, disk_, StageSettings(), staging.around_log),
      witness_(world_, coordinator_, notes_) {
  world_.healed = true;
  world_.roughness = {};
  world_.script = this;
  disk_.log_id = "simulatedlog";
  disk_.watch = [this](const coordinator::Record& record) { witness_.Appends(record); };
  std::map<std::string, std::set<std::string>> serves;
  for (const Transaction& transaction : scenario.transactions) {
    serves[transaction.client];
    for (const Work& work : transaction.work) serves[work.process].insert(work.database);
  }
  for (const auto& [name, kind] : DatabasesOf(scenario, databases))
    databases_.emplace_back(world_, name, kind);
  for (const auto& [process, own] : serves) {
    std::vector<SimulatedDatabase*> served;
    for (SimulatedDatabase& database : databases_) {
      if (scenario.all_serve_all || own.contains(database.name())) served.push_back(&database);
    }
    processes_[process] =
        std::make_unique<Process>(world_, coordinator_, process, std::move(served), notes_);
  }
}

SimulatedDatabase& Stage::DatabaseNamed(const std::string& name) {
  return *std::find_if(databases_.begin(), databases_.end(),
                       [&](const SimulatedDatabase& database) { return database.name() == name; });
}

bool Stage::IsDatabase(const std::string& actor) const {
  return std::any_of(databases_.begin(), databases_.end(),
                     [&](const SimulatedDatabase& database) { return database.name() == actor; });
}

Played Stage::Run() {
  disturbed_ = world_.now();
  world_.After(microseconds(0), [this] { coordinator_.Start(); });
  for (const auto& [name, process] : processes_)
    world_.After(microseconds(0), [&process = *process] { process.Start(); });
  world_.After(kLookEvery, [this] { StartTransactions(); });
  while (!(quiet_since_ && world_.now() - *quiet_since_ > kQuiet) &&
         (under_way_ != 0 || world_.now() - disturbed_ < kBound)) {
    try {
      world_.Step();
    } catch (const Stop&) {
      Die();
    }
    if (world_.now() >= next_look_) Look();
  }
  if (quiet_since_)
    played_.recovery = std::chrono::duration_cast<microseconds>(*quiet_since_ - disturbed_);
  while (!played_.steps.empty() && IsIdle(played_.steps.back())) played_.steps.pop_back();
  world_.script = nullptr;
  // Without a name: its client never heard that it was begun.
  std::erase_if(notes_, [](const auto& one) { return one.second.gtid.empty(); });
  for (auto& [gtid, note] : notes_) CheckAnswer(note);
  const std::vector<std::string> violations = simulation::FindViolations(scene_);
  played_.violations.insert(played_.violations.begin(), violations.begin(), violations.end());
  crashes_.empty() ? CheckUndisturbed() : CheckCrashes();
  played_.transcript = world_.transcript();
  return std::move(played_);
}

void Stage::StartTransactions() {
  const bool ready = std::all_of(processes_.begin(), processes_.end(),
                                 [](const auto& one) { return one.second->attached(); });
  if (!ready) return world_.After(kLookEvery, [this] { StartTransactions(); });
  started_ = true;
  disturbed_ = world_.now();
  for (const Transaction& transaction : scenario_.transactions) {
    simulation::Plan plan;
    for (const Work& work : transaction.work) {
      plan.parts.push_back(
          {processes_.at(work.process).get(), &DatabaseNamed(work.database), work.change});
    }
    plan.wait = transaction.wait;
    plan.one_phase = transaction.one_phase;
    plan.then = transaction.then;
    Process& client = *processes_.at(transaction.client);
    world_.After(transaction.later, [&client, plan] {
      if (client.up()) client.RunTransaction(plan);
    });
  }
}

bool Stage::Quiet() {
  return started_ && under_way_ == 0 && Settled(scene_) && coordinator_.log().idle();
}

void Stage::Look() {
  next_look_ = world_.now() + kLookEvery;
  const bool disturbed_since = quiet_since_ && *quiet_since_ < disturbed_;
  if (!Quiet() || disturbed_since) {
    quiet_since_.reset();
  } else if (!quiet_since_) {
    quiet_since_ = world_.now();
  }
}

bool Stage::Strikes(const std::string& kind) {
  const auto planned = strikes_.find(kind);
  if (planned == strikes_.end() || planned->second == 0) return false;
  --planned->second;
  return true;
}

bool Stage::Loses(const simulation::Message& message) {
  if (cut_off_.contains(message.from) || cut_off_.contains(message.to)) {
    world_.Count(Fault::kPartitionedProcess);
    return true;
  }
  for (MessagesAreLost& lost : losses_) {
    if (lost.times == 0 || lost.from != message.from || lost.to != message.to ||
        !message.what.starts_with(lost.what))
      continue;
    --lost.times;
    world_.Count(Fault::kMessageLost);
    return true;
  }
  return false;
}

void Stage::Saw(const std::string& actor, const std::string& what) {
  if (dying_) return;
  const std::size_t unsynced = coordinator_.up() ? coordinator_.log().unsynced() : 0;
  played_.steps.push_back({actor, what, unsynced});
  for (const Incident& incident : scenario_.incidents) {
    if (incident.actor == actor && what.starts_with(incident.step) &&
        happened_.insert(&incident).second)
      Happen(incident.trouble);
  }
  if (played_.crashes.size() == crashes_.size()) return;
  const Crash& crash = crashes_[played_.crashes.size()];
  if (crash.actor != actor && crash.actor != kEverybody) return;
  if (++counted_ < crash.after) return;
  counted_ = 0;
  played_.crashes.push_back(played_.steps.size());
  // Who works in a database that dies lives on, without an answer.
  if (IsDatabase(crash.actor)) return Die();
  throw Stop{};
}

template <typename Actor>
void Stage::ComeBackLater(Actor& actor, microseconds delay) {
  ++under_way_;
  world_.After(delay, [this, &actor] {
    --under_way_;
    disturbed_ = world_.now();
    if (!actor.up()) actor.Start();
  });
}

void Stage::Die() {
  const Crash& crash = crashes_[played_.crashes.size() - 1];
  const microseconds delay = crash.restart == Restart::kSoon ? kSoon : kLate;
  const auto dies = [&](const std::string& name) {
    return crash.actor == name || crash.actor == kEverybody;
  };
  dying_ = true;
  disturbed_ = world_.now();
  for (SimulatedDatabase& database : databases_) {
    if (!dies(database.name())) continue;
    database.Crash();
    ComeBackLater(database, delay);
  }
  if (dies("coordinator")) {
    if (coordinator_.up())
      coordinator_.Crash(std::min(crash.survived, coordinator_.log().unsynced()));
    ComeBackLater(coordinator_, delay);
  }
  for (const auto& [name, process] : processes_) {
    if (!dies(name)) continue;
    if (process->up()) process->Crash();
    ComeBackLater(*process, delay);
  }
  dying_ = false;
}

void Stage::Happen(const Trouble& trouble) {
  disturbed_ = world_.now();
  std::visit([this](const auto& one) { Happen(one); }, trouble);
}

void Stage::Happen(const DiskIsFull&) { ++strikes_[ToString(Fault::kDiskFull)]; }
void Stage::Happen(const PrepareIsRefused&) { ++strikes_[ToString(Fault::kPrepareRefused)]; }
void Stage::Happen(const MessagesAreLost& lost) { losses_.push_back(lost); }

void Stage::Happen(const ProcessIsCutOff& cut) {
  ++under_way_;
  cut_off_.insert(cut.process);
  world_.After(cut.lasting, [this, cut] {
    --under_way_;
    cut_off_.erase(cut.process);
    disturbed_ = world_.now();
  });
}

void Stage::Happen(const ProcessIsAway& away) {
  Process& process = *processes_.at(away.process);
  world_.After(microseconds(1), [this, &process] {
    dying_ = true;
    if (process.up()) process.Crash();
    dying_ = false;
  });
  ComeBackLater(process, away.lasting);
}

void Stage::Happen(const OperatorFinishes& finishes) {
  world_.After(microseconds(1), [this, finishes] {
    SimulatedDatabase& database = DatabaseNamed(finishes.database);
    if (!database.up()) return;
    for (const BranchKey& key : database.Prepared()) {
      world_.Say("an operator finishes ", key.DatabaseName(), " by hand");
      world_.Count(Fault::kOperatorsHand);
      database.FinishByHand(key, finishes.decision);
    }
  });
}

void Stage::Happen(const DatabaseForgets& forgets) {
  world_.After(microseconds(2),
               [this, forgets] { DatabaseNamed(forgets.database).ForgetHistory(); });
}

void Stage::Happen(const OperatorAborts&) {
  world_.After(microseconds(1), [this] {
    if (notes_.empty()) return;
    coordinator_.Arrive([gtid = notes_.begin()->first](Engine& engine, Inquiry&) {
      engine.Abort({gtid, AbortCause::kOperator, "an operator", {}}, [](const Result<Ending>&) {});
    });
  });
}

void Stage::Happen(const OperatorRetries&) {
  world_.After(microseconds(1), [this] {
    if (notes_.empty()) return;
    coordinator_.Arrive([gtid = notes_.begin()->first](Engine& engine, Inquiry&) {
      engine.Hurry(gtid, [](const Result<settle::coordinator::Hurried>&) {});
    });
  });
}

void Stage::Happen(const OperatorForgets&) {
  ++under_way_;
  world_.After(microseconds(1), [this] { AskToForget(notes_.begin()->first, 50); });
}

// Refused while the transaction has branches to hear of; unknown once it is forgotten.
void Stage::AskToForget(const Gtid& gtid, int tries) {
  const auto forgotten = std::make_shared<bool>(false);
  world_.After(milliseconds(20), [this, gtid, tries, forgotten] {
    if (!*forgotten && tries > 1) return AskToForget(gtid, tries - 1);
    --under_way_;
    disturbed_ = world_.now();
  });
  coordinator_.Arrive([&](Engine& engine, Inquiry&) {
    engine.Forget({gtid, "an operator", "repaired by hand"},
                  [forgotten](const Result<std::monostate>& done) {
                    *forgotten = done || done.error().code == ErrorCode::kNotFound;
                  });
  });
}

}  // namespace settle::crash_matrix
