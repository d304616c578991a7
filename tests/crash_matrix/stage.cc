#include "crash_matrix/stage.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace settle::crash_matrix {

using coordinator::Engine;
using coordinator::Inquiry;
using coordinator::Settings;
using simulation::Caller;
using simulation::Fault;
using simulation::World;

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

Stage::Stage(const Scenario& scenario, const std::vector<Crash>& crashes, const Staging& staging)
    : scenario_(scenario),
      crashes_(crashes),
      staging_(staging),
      world_(staging.timing.value_or(scenario.timing),
             staging.transcript ? World::Telling::kTranscript : World::Telling::kNothing),
      coordinator_(world_, disk_, StageSettings(), staging.around_log) {
  world_.healed = true;
  world_.roughness = {};
  world_.script = this;
  disk_.log_id = "simulatedlog";
}

bool Stage::IsDatabase(const std::string& actor) const {
  const std::vector<std::string> databases = Databases();
  return std::find(databases.begin(), databases.end(), actor) != databases.end();
}

Played Stage::Run() {
  Cast();
  disturbed_ = world_.now();
  world_.After(microseconds(0), [this] { coordinator_.Start(); });
  for (const auto& [name, process] : processes_)
    world_.After(microseconds(0), [process = process] { process->Start(); });
  world_.After(kLookEvery, [this] { StartWork(); });
  while (!HasBeenQuiet() && (under_way_ != 0 || world_.now() - disturbed_ < kBound)) {
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
  Judge();
  crashes_.empty() ? CheckUndisturbed() : CheckCrashes();
  played_.transcript = world_.transcript();
  return std::move(played_);
}

void Stage::StartWork() {
  if (!Ready()) return world_.After(kLookEvery, [this] { StartWork(); });
  started_ = true;
  disturbed_ = world_.now();
  BeginWork();
}

bool Stage::Quiet() {
  return started_ && under_way_ == 0 && coordinator_.up() && Settled() && coordinator_.log().idle();
}

// Also not disturbed since the last look.
bool Stage::HasBeenQuiet() const {
  return quiet_since_ && *quiet_since_ >= disturbed_ && under_way_ == 0 &&
         world_.now() - *quiet_since_ > kQuiet;
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
      Arises(incident.trouble);
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

void Stage::Later(microseconds delay, std::function<void()> comes_back) {
  ++under_way_;
  world_.After(delay, [this, comes_back = std::move(comes_back)] {
    --under_way_;
    disturbed_ = world_.now();
    comes_back();
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
  for (const std::string& name : Databases()) {
    if (!dies(name)) continue;
    CrashDatabase(name);
    Later(delay, [this, name] { StartDatabase(name); });
  }
  if (dies("coordinator")) {
    if (coordinator_.up())
      coordinator_.Crash(std::min(crash.survived, coordinator_.log().unsynced()));
    Later(delay, [this] {
      if (!coordinator_.up()) coordinator_.Start();
    });
  }
  for (const auto& [name, process] : processes_) {
    if (!dies(name)) continue;
    if (process->up()) process->Crash();
    Later(delay, [process = process] {
      if (!process->up()) process->Start();
    });
  }
  dying_ = false;
}

void Stage::Arises(const Trouble& trouble) {
  disturbed_ = world_.now();
  std::visit(
      [&](const auto& one) {
        if constexpr (requires { Happen(one); }) {
          Happen(one);
        } else {
          HappenOwn(trouble);
        }
      },
      trouble);
}

void Stage::Happen(const DiskIsFull&) { ++strikes_[ToString(Fault::kDiskFull)]; }
void Stage::Happen(const PrepareIsRefused&) { ++strikes_[ToString(Fault::kPrepareRefused)]; }
void Stage::Happen(const MessagesAreLost& lost) { losses_.push_back(lost); }

void Stage::Happen(const ProcessIsCutOff& cut) {
  cut_off_.insert(cut.process);
  Later(cut.lasting, [this, cut] { cut_off_.erase(cut.process); });
}

void Stage::Happen(const ProcessIsAway& away) {
  Caller& process = *processes_.at(away.process);
  world_.After(microseconds(1), [this, &process] {
    dying_ = true;
    if (process.up()) process.Crash();
    dying_ = false;
  });
  Later(away.lasting, [&process] {
    if (!process.up()) process.Start();
  });
}

void Stage::Happen(const CoordinatorIsAway& away) {
  world_.After(microseconds(1), [this] {
    dying_ = true;
    if (coordinator_.up()) coordinator_.Crash(0);
    dying_ = false;
  });
  Later(away.lasting, [this] {
    if (!coordinator_.up()) coordinator_.Start();
  });
}

void Stage::Happen(const OperatorAborts&) {
  world_.After(microseconds(1), [this] {
    if (!First()) return;
    coordinator_.Arrive([gtid = *First()](Engine& engine, Inquiry&) {
      engine.Abort({gtid, AbortCause::kOperator, "an operator", {}}, [](const Result<Ending>&) {});
    });
  });
}

void Stage::Happen(const OperatorRetries&) {
  world_.After(microseconds(1), [this] {
    if (!First()) return;
    coordinator_.Arrive([gtid = *First()](Engine& engine, Inquiry&) {
      engine.Hurry(gtid, [](const Result<settle::coordinator::Hurried>&) {});
    });
  });
}

// Refused while the transaction has branches to hear of; unknown once it is forgotten.
void Stage::Happen(const OperatorForgets&) {
  const std::optional<Gtid> first = First();
  if (!first) return;
  KeepAsking(
      [gtid = *first](Engine& engine, const Done& done) {
        engine.Forget({gtid, "an operator", "repaired by hand"},
                      [done](const Result<std::monostate>& forgotten) {
                        if (forgotten || forgotten.error().code == ErrorCode::kNotFound) done();
                      });
      },
      50);
}

void Stage::Happen(const OperatorSays& says) {
  coordinator::HeuristicIntent intent;
  intent.act = coordinator::HeuristicAct::kVerdict;
  intent.to = says.to;
  intent.branches.push_back({says.branch, "", Vote::kCommit, {}});
  intent.reason = "looked into its database";
  Intervene(std::move(intent));
}

void Stage::Happen(const OperatorForces& forces) {
  coordinator::HeuristicIntent intent;
  intent.act = coordinator::HeuristicAct::kForce;
  intent.to = forces.to;
  intent.reason = "its majority never comes";
  Intervene(std::move(intent));
}

void Stage::Intervene(coordinator::HeuristicIntent intent) {
  const std::optional<Gtid> first = First();
  if (!first) return;
  intent.operator_name = "an operator";
  KeepAsking(
      [gtid = *first, intent](Engine& engine, const Done& done) {
        engine.Intervene({gtid, intent}, [done](const Result<Gtid>& said) {
          if (said || said.error().code == ErrorCode::kNotFound) done();
        });
      },
      50);
}

void Stage::KeepAsking(const Try& ask, int tries) {
  ++under_way_;
  world_.After(microseconds(1), [this, ask, tries] {
    const auto is_so = std::make_shared<bool>(false);
    world_.After(milliseconds(20), [this, ask, tries, is_so] {
      --under_way_;
      disturbed_ = world_.now();
      if (!*is_so && tries > 1) KeepAsking(ask, tries - 1);
    });
    coordinator_.Arrive([&](Engine& engine, Inquiry&) { ask(engine, [is_so] { *is_so = true; }); });
  });
}

std::string Stage::Words(const Ending& ending) {
  const std::string outcome = ToString(ending.outcome);
  if (ending.cause == AbortCause::kNone) return outcome;
  return outcome + " (" + ToString(ending.cause) + ")";
}

Ending Stage::Ask(const Gtid& gtid) {
  std::optional<Ending> answer;
  coordinator_.Arrive([&](coordinator::Engine&, coordinator::Inquiry& inquiry) {
    inquiry.AskOutcome(gtid, [&answer](const Result<Ending>& ending) {
      answer = ending ? *ending
                      : Ending{Outcome::kUnknown, AbortCause::kNone, ending.error().message, false};
    });
  });
  const coordinator::Instant until = world_.now() + kBound;
  while (!answer && world_.now() < until) world_.Step();
  return answer ? *answer : Ending{Outcome::kUnknown, AbortCause::kNone, "no answer", false};
}

// Without a crash the scenario must be what it says it is.
void Stage::CheckUndisturbed() {
  if (played_.fates.size() != scenario_.ends.size()) return Violation("not all were begun");
  for (std::size_t i = 0; i < scenario_.ends.size(); ++i) {
    const End& wanted = scenario_.ends[i];
    const Fate& fate = played_.fates[i];
    if (fate.answer.outcome != wanted.outcome || fate.answer.cause != wanted.cause)
      Violation("it ended as " + Words(fate.answer) + ": " + fate.answer.reason);
    if (fate.told.has_value() != wanted.told)
      Violation(wanted.told ? "the client was not told" : "the client was told");
  }
  for (const Incident& incident : scenario_.incidents) {
    if (!happened_.contains(&incident))
      Violation("no trouble after " + incident.actor + " " + incident.step);
  }
  for (const auto& [kind, left] : strikes_) {
    if (left != 0) Violation("the fault did not strike: " + kind);
  }
  for (const MessagesAreLost& lost : losses_) {
    if (lost.times != 0) Violation("no message was lost: " + lost.what);
  }
  if (staging_.timing.value_or(scenario_.timing) != scenario_.timing) return;
  for (const std::string& words : scenario_.shows) {
    if (std::none_of(played_.steps.begin(), played_.steps.end(),
                     [&](const Step& step) { return step.what.find(words) != std::string::npos; }))
      Violation("no step contains: " + words);
  }
}

void Stage::CheckCrashes() {
  if (played_.crashes.size() != crashes_.size()) {
    Violation("only " + std::to_string(played_.crashes.size()) + " of " +
              std::to_string(crashes_.size()) + " crashes happened");
  }
  CheckOwnCrashes();
}

}  // namespace settle::crash_matrix
