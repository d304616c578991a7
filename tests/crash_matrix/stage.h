// The stage on which a scenario is played: the simulated world with its actors, and the script that
// they follow. What is the same whatever is played; each kind of scenario adds its actors.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crash_matrix/play.h"
#include "simulation/caller.h"

namespace settle::crash_matrix {

class Stage : protected simulation::Script {
 public:
  Stage(const Scenario& scenario, const std::vector<Crash>& crashes, const Staging& staging);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Played Run();

 protected:
  // Of the first transaction or the saga; none: it has not begun.
  virtual std::optional<Gtid> First() const = 0;
  // Asks again and again until it is so.
  using Done = std::function<void()>;
  using Try = std::function<void(coordinator::Engine&, const Done&)>;
  void KeepAsking(const Try& ask, int tries);
  void Violation(std::string what) { played_.violations.push_back(std::move(what)); }
  Ending Ask(const Gtid& gtid);
  static std::string Words(const Ending& ending);

  const Scenario& scenario_;
  const std::vector<Crash>& crashes_;
  const Staging& staging_;
  simulation::World world_;
  simulation::Disk disk_;
  simulation::CoordinatorNode coordinator_;
  std::map<std::string, simulation::Caller*> processes_;
  coordinator::Instant disturbed_{};  // last
  Played played_;

 private:
  struct Stop {};  // thrown through the actor that dies

  virtual void Cast() {}         // actors that need the rest of the stage
  virtual void BeginWork() = 0;  // all processes are ready
  virtual bool Ready() const = 0;
  virtual bool Settled() = 0;
  virtual std::vector<std::string> Databases() const = 0;
  virtual void CrashDatabase(const std::string& name) = 0;
  virtual void StartDatabase(const std::string& name) = 0;
  virtual void HappenOwn(const Trouble& trouble) = 0;
  // What is so when all is over: fates and violations.
  virtual void Judge() = 0;
  virtual void CheckOwnCrashes() = 0;

  bool Strikes(const std::string& kind) override;
  bool Loses(const simulation::Message& message) override;
  void Saw(const std::string& actor, const std::string& what) override;

  void StartWork();
  void Look();
  bool Quiet();
  bool HasBeenQuiet() const;
  bool IsDatabase(const std::string& actor) const;
  void Die();
  void Later(microseconds delay, std::function<void()> comes_back);

  void Arises(const Trouble& trouble);
  void Happen(const DiskIsFull&);
  void Happen(const PrepareIsRefused&);
  void Happen(const MessagesAreLost& lost);
  void Happen(const ProcessIsCutOff& cut);
  void Happen(const ProcessIsAway& away);
  void Happen(const CoordinatorIsAway& away);
  void Happen(const OperatorAborts&);
  void Happen(const OperatorRetries&);
  void Happen(const OperatorForgets&);
  void Happen(const OperatorSays& says);
  void Happen(const OperatorForces& forces);
  void Intervene(coordinator::HeuristicIntent intent);

  void CheckUndisturbed();
  void CheckCrashes();

  bool started_ = false;
  bool dying_ = false;         // what a death does to others is no step of theirs
  std::size_t under_way_ = 0;  // restarts and troubles that are not over
  std::size_t counted_ = 0;    // steps towards the next crash
  std::set<const Incident*> happened_;
  std::map<std::string, int> strikes_;  // by kind of fault: how many are to come
  std::list<MessagesAreLost> losses_;
  std::set<std::string> cut_off_;
  coordinator::Instant next_look_{};
  std::optional<coordinator::Instant> quiet_since_;
};

}  // namespace settle::crash_matrix
