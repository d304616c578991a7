// One cell of the crash campaign: processes that play a transaction, of which some are armed with a
// failpoint, life by life; whatever dies is started again; then all must be quiet and right.
#pragma once

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "end_to_end/world.h"
#include "support/faulty_wire.h"

namespace settle::testing {

// kShop begins and ends the transaction and has bank a, kService has bank b.
enum class Actor { kDaemon, kShop, kService };
const char* ToString(Actor actor);

// What comes to harm where in which of its lives, counted from 0.
struct Harm {
  Actor actor = Actor::kDaemon;
  std::size_t life = 0;
  std::string where;  // "place:pass"
  Fault fault = Fault::kDies;
};
std::string ToString(const Harm& harm);  // "daemon/0:engine.decided:1"

// The places that a process passed, in order.
using Passes = std::map<std::pair<Actor, std::size_t>, std::vector<std::string>>;

struct Judgement {
  std::size_t fired = 0;  // of the harms
  std::vector<std::string> violations;
  Passes passes;
};

class Stage {
 public:
  // The play cannot go on: somebody came to harm.
  struct PlayIsOver : std::exception {};

  // `world` may have seen plays before; its daemon runs or not. Where `observes`, passes are noted.
  Stage(World& world, std::vector<Harm> harms, bool observes);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  World& world() { return world_; }

  // For plays. What is started here is armed if one of the harms is for that life of it; a program
  // that was started before as that actor and lives is left to itself.
  void StartDaemon();
  Application& Start(Actor program, Role role);
  // What is never started when the play is over too soon is started then: somebody waits for it.
  void WillStart(Actor program, Role role) { owed_.emplace_back(program, std::move(role)); }
  // Instead: armed to die here, whatever the harms; that is no life of those that are counted.
  void StartDaemonToDieAt(const std::string& where);
  Application& StartToDieAt(Actor program, Role role, const std::string& where);
  void AwaitDeath(Actor actor);

  std::string Ask(Application& program, const std::string& command);
  void Send(Application& program, const std::string& command);
  std::string Tell(Application& program, const std::string& command);  // the answer is "ok ..."
  std::string Begin(Application& shop);
  CliAnswer Cli(const std::vector<std::string>& words);
  // To the daemon, once it was started: for programs whose Role says so. Whole again at the end.
  FaultyWire& Wire();
  // Until it is so, or somebody came to harm.
  void Await(const std::function<bool()>& condition);

  // After the play: starts again whatever is not there until nothing is open and all is quiet, ends
  // the programs, and judges.
  Judgement Finish();

 private:
  struct Program {
    Actor actor;
    Role role;
    Application* application;
  };
  struct Armed {
    Harm harm;
    std::function<bool()> fired;
  };

  const Harm* ToHarm(Actor actor, std::size_t life) const;
  std::string PassesPath(Actor actor, std::size_t life) const;
  void StartDaemonArmed();
  Application& StartArmed(Actor program, Role role);
  Application& Add(Actor actor, Role role);
  bool DaemonIsDead() { return !world_.daemon().process().running(); }
  bool SomebodyIsDead();
  bool SomebodyCameToHarm() const;  // for which the play cannot go on
  void GoOnUnharmed() const;
  bool ReviveOne();
  bool IsQuiet();
  bool AwaitQuiet();
  void EndPrograms();
  std::string OutcomeShown(const std::string& gtid);
  void NoteForTheDead();
  std::vector<std::string> Violations();

  World& world_;
  const std::vector<Harm> harms_;
  const bool observes_;
  const int number_;  // of the stage, in names of files
  std::map<Actor, std::size_t> lives_;
  std::optional<FaultyWire> wire_;
  std::vector<Program> programs_;
  std::vector<std::pair<Actor, Role>> owed_;
  std::vector<std::string> notes_;
  std::vector<Armed> armed_;
  std::vector<Application*> asked_;  // their answers are to come
};

}  // namespace settle::testing
