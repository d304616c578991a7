#include "crash_campaign/stage.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

namespace settle::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStepBound{12'000};
constexpr milliseconds kQuietBound{25'000};

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

int NextNumber() {
  static std::atomic<int> count{0};
  return ++count;
}

}  // namespace

const char* ToString(Actor actor) {
  switch (actor) {
    case Actor::kDaemon: return "daemon";
    case Actor::kShop: return "shop";
    case Actor::kService: return "service";
  }
  return "?";
}

std::string ToString(const Harm& harm) {
  return std::string(ToString(harm.actor)) + "/" + std::to_string(harm.life) + ":" + harm.where;
}

Stage::Stage(World& world, std::vector<Harm> harms, bool observes)
    : world_(world), harms_(std::move(harms)), observes_(observes), number_(NextNumber()) {}

const Harm* Stage::ToHarm(Actor actor, std::size_t life) const {
  const auto found = std::find_if(harms_.begin(), harms_.end(), [&](const Harm& harm) {
    return harm.actor == actor && harm.life == life;
  });
  return found == harms_.end() ? nullptr : &*found;
}

std::string Stage::PassesPath(Actor actor, std::size_t life) const {
  if (!observes_) return {};
  return world_ /
         ("passes-" + std::to_string(number_) + "-" + ToString(actor) + "-" + std::to_string(life));
}

void Stage::StartDaemonArmed() {
  const std::size_t life = lives_[Actor::kDaemon]++;
  Daemon& daemon = world_.daemon();
  daemon.passes = PassesPath(Actor::kDaemon, life);
  const Harm* harm = ToHarm(Actor::kDaemon, life);
  if (harm == nullptr) return daemon.Start();
  daemon.StartUnawaited(harm->where, harm->fault);
  // The file's name is of this life, the daemon's next one has another.
  armed_.push_back(
      {*harm, [fired = daemon.fired_path()] { return std::filesystem::exists(fired); }});
  static_cast<void>(daemon.AwaitReady());
}

Application& Stage::Add(Actor actor, Role role) {
  std::erase_if(programs_, [&](const Program& one) {
    if (one.actor == actor) std::erase(asked_, one.application);
    return one.actor == actor;
  });
  role.may_be_refused = true;  // the daemon may be dead at this moment; then it is started again
  Application& application = world_.Start(role);
  notes_.push_back(application.notes_path());
  role.failpoint.clear();
  role.fault = Fault::kDies;
  programs_.push_back({actor, role, &application});
  return application;
}

Application& Stage::StartArmed(Actor actor, Role role) {
  const std::size_t life = lives_[actor]++;
  role.passes = PassesPath(actor, life);
  const Harm* harm = ToHarm(actor, life);
  if (harm != nullptr) {
    role.failpoint = harm->where;
    role.fault = harm->fault;
  }
  Application& application = Add(actor, role);
  if (harm != nullptr) armed_.push_back({*harm, [&application] { return application.HasFired(); }});
  return application;
}

bool Stage::SomebodyIsDead() {
  return DaemonIsDead() || std::any_of(programs_.begin(), programs_.end(), [](const Program& one) {
           return !one.application->process().running();
         });
}

bool Stage::SomebodyCameToHarm() const {
  return std::any_of(armed_.begin(), armed_.end(), [](const Armed& one) {
    const Fault fault = one.harm.fault;
    const bool dies = fault == Fault::kDies || fault == Fault::kTorn || fault == Fault::kAssertion;
    return dies && one.fired();
  });
}

void Stage::GoOnUnharmed() const {
  if (SomebodyCameToHarm()) throw PlayIsOver();
}

void Stage::StartDaemon() {
  if (!world_.daemon().IsStarted() || DaemonIsDead()) {
    StartDaemonArmed();
  } else if (ToHarm(Actor::kDaemon, lives_[Actor::kDaemon]) != nullptr || observes_) {
    world_.daemon().Terminate();
    StartDaemonArmed();
  }
  GoOnUnharmed();
}

Application& Stage::Start(Actor program, Role role) {
  Application& application = StartArmed(program, std::move(role));
  GoOnUnharmed();
  return application;
}

void Stage::StartDaemonToDieAt(const std::string& where) {
  if (world_.daemon().IsStarted() && !DaemonIsDead()) world_.daemon().Terminate();
  world_.daemon().passes.clear();
  world_.daemon().Start(where);
}

Application& Stage::StartToDieAt(Actor program, Role role, const std::string& where) {
  role.failpoint = where;
  return Add(program, std::move(role));
}

void Stage::AwaitDeath(Actor actor) {
  const auto is_dead = [&] {
    if (actor == Actor::kDaemon) return DaemonIsDead();
    return std::any_of(programs_.begin(), programs_.end(), [&](const Program& one) {
      return one.actor == actor && !one.application->process().running();
    });
  };
  static_cast<void>(WaitUntil([&] { return is_dead() || SomebodyCameToHarm(); }, kStepBound));
  if (!is_dead()) throw PlayIsOver();
}

void Stage::Send(Application& program, const std::string& command) {
  program.Send(command);
  asked_.push_back(&program);
}

std::string Stage::Ask(Application& program, const std::string& command) {
  Send(program, command);
  static_cast<void>(
      WaitUntil([&] { return program.HasAnswered() || SomebodyCameToHarm(); }, kStepBound));
  if (!program.HasAnswered()) throw PlayIsOver();
  asked_.pop_back();
  return program.Answer();
}

std::string Stage::Tell(Application& program, const std::string& command) {
  const std::string answer = Ask(program, command);
  if (answer.rfind("ok", 0) != 0) throw PlayIsOver();
  return answer.size() > 3 ? answer.substr(3) : "";
}

std::string Stage::Begin(Application& shop) { return Tell(shop, "begin 3000"); }

CliAnswer Stage::Cli(const std::vector<std::string>& words) {
  return RunCli(world_.daemon().address(), words);
}

void Stage::Await(const std::function<bool()>& condition) {
  static_cast<void>(WaitUntil([&] { return SomebodyCameToHarm() || condition(); }, kStepBound));
  GoOnUnharmed();
}

FaultyWire& Stage::Wire() {
  if (!wire_) wire_.emplace(world_.daemon().port());
  return *wire_;
}

// False: everybody is there.
bool Stage::ReviveOne() {
  for (const Armed& one : armed_) {
    if (one.harm.fault != Fault::kFreezes || !one.fired()) continue;
    if (world_.daemon().process().frozen()) world_.daemon().process().Signal(SIGCONT);
    for (const Program& program : programs_)
      if (program.application->process().frozen()) program.application->process().Signal(SIGCONT);
  }
  if (!world_.daemon().IsStarted() || DaemonIsDead()) {
    StartDaemonArmed();
    return true;
  }
  for (const Program& one : programs_) {
    if (one.application->process().running()) continue;
    std::erase(asked_, one.application);
    StartArmed(one.actor, Role(one.role));
    return true;
  }
  return false;
}

bool Stage::IsQuiet() {
  for (const char bank : {'a', 'b'}) {
    if (!testing::IsQuiet(ReadFacts(world_.bank(bank), std::string(1, bank)))) return false;
  }
  const auto answered = [](const Application* one) { return one->HasAnswered(); };
  if (!std::all_of(asked_.begin(), asked_.end(), answered)) return false;
  const CliAnswer open = Cli({"list", "--open"});
  if (open.code != 0 || !open.json["transactions"].empty()) return false;
  return Cli({"in-doubt", "--check"}).code == 0;
}

void Stage::EndPrograms() {
  for (const Program& one : programs_) {
    if (!one.application->Quit()) one.application->Kill();
  }
  const bool waits_for_the_end = std::any_of(armed_.begin(), armed_.end(), [](const Armed& one) {
    return one.harm.actor == Actor::kDaemon && !one.fired();
  });
  if (waits_for_the_end && !DaemonIsDead()) world_.daemon().Terminate();
}

bool Stage::AwaitQuiet() {
  bool quiet = false;
  const auto all_is_over = [&] {
    if (!ReviveOne()) quiet = IsQuiet();
    return quiet && !SomebodyIsDead();
  };
  return WaitUntil(all_is_over, kQuietBound);
}

// Who dies, or is frozen, while it is asked is started again, or goes on, and is asked when all is
// over once more: what lost its lazy end with it is undecided until then.
std::string Stage::OutcomeShown(const std::string& gtid) {
  for (;;) {
    if (!AwaitQuiet()) return "not quiet after the bound";
    std::string shown = world_.OutcomeShown(gtid);
    if (!SomebodyIsDead() && !world_.daemon().process().frozen()) return shown;
  }
}

// Who died in the moment between the start of its saga and knowing its name could not note it.
void Stage::NoteForTheDead() {
  const bool one_did = std::any_of(armed_.begin(), armed_.end(), [](const Armed& one) {
    return one.harm.where.starts_with("client.saga_started:") && one.fired();
  });
  if (!one_did) return;
  const Notes notes = world_.AllNotes();
  NotesWriter writer(notes_.front());
  for (const auto& [gtid, amount] : world_.bank('a').Transfers())
    if (!notes.answers.contains(gtid)) writer.Asked(gtid);
}

std::vector<std::string> Stage::Violations() {
  std::vector<BankFacts> facts{ReadFacts(world_.bank('a'), "a"), ReadFacts(world_.bank('b'), "b")};
  // What moved nothing was in bank a alone, also in the plays before in this world.
  for (const auto& [gtid, amount] : facts[0].transfers) {
    if (amount == 0) facts[1].transfers[gtid] = 0;
  }
  std::vector<std::string> violations = testing::Violations(facts, world_.AllNotes());
  // `settle` is a process each time: of this play only.
  for (const auto& [gtid, answers] : ReadNotes(notes_).answers)
    CheckWord(facts[0], gtid, OutcomeShown(gtid), violations);
  return violations;
}

Judgement Stage::Finish() {
  if (wire_) wire_->Heal();
  for (const auto& [actor, role] : owed_) {
    const bool started = std::any_of(programs_.begin(), programs_.end(),
                                     [&](const Program& one) { return one.actor == actor; });
    if (!started) StartArmed(actor, role);
  }
  const bool in_time = AwaitQuiet();
  Judgement judgement;
  if (!in_time) judgement.violations.push_back("liveness: not quiet after the bound");
  if (in_time) {
    NoteForTheDead();
    judgement.violations = Violations();
  }
  EndPrograms();
  for (const Armed& one : armed_) judgement.fired += one.fired() ? 1 : 0;
  if (!observes_) return judgement;
  for (const auto& [actor, lives] : lives_) {
    for (std::size_t life = 0; life < lives; ++life)
      judgement.passes[{actor, life}] = Lines(PassesPath(actor, life));
  }
  return judgement;
}

}  // namespace settle::testing
