// The stage on which a scenario is played: the simulated world with its actors, and the script that
// they follow.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crash_matrix/play.h"
#include "simulation/invariants.h"

namespace settle::crash_matrix {

class Stage : private simulation::Script {
 public:
  Stage(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
        const Staging& staging);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Played Run();

 private:
  struct Stop {};  // thrown through the actor that dies

  bool Strikes(const std::string& kind) override;
  bool Loses(const simulation::Message& message) override;
  void Saw(const std::string& actor, const std::string& what) override;

  void StartTransactions();
  void Look();
  bool Quiet();

  // --- crashes
  bool IsDatabase(const std::string& actor) const;
  void Die();
  template <typename Actor>
  void ComeBackLater(Actor& actor, microseconds delay);

  // --- trouble
  void Happen(const Trouble& trouble);
  void Happen(const DiskIsFull&);
  void Happen(const PrepareIsRefused&);
  void Happen(const MessagesAreLost& lost);
  void Happen(const ProcessIsCutOff& cut);
  void Happen(const ProcessIsAway& away);
  void Happen(const OperatorFinishes& finishes);
  void Happen(const DatabaseForgets& forgets);
  void Happen(const OperatorAborts&);
  void Happen(const OperatorRetries&);
  void Happen(const OperatorForgets&);
  void AskToForget(const Gtid& gtid, int tries);

  // --- afterwards
  void CheckAnswer(simulation::Note& note);
  Ending Ask(const Gtid& gtid);
  void CheckUndisturbed();
  void CheckCrashes();

  simulation::SimulatedDatabase& DatabaseNamed(const std::string& name);

  const Scenario& scenario_;
  const std::vector<Crash>& crashes_;
  const Staging& staging_;
  simulation::World world_;
  simulation::Disk disk_;
  simulation::CoordinatorNode coordinator_;
  std::deque<simulation::SimulatedDatabase> databases_;
  std::map<std::string, std::unique_ptr<simulation::Process>> processes_;
  std::map<Gtid, simulation::Note> notes_;
  simulation::Witness witness_;
  const simulation::Scene scene_{notes_, databases_, disk_, coordinator_};

  bool started_ = false;
  bool dying_ = false;         // what a death does to others is no step of theirs
  std::size_t under_way_ = 0;  // restarts and troubles that are not over
  std::size_t counted_ = 0;    // steps towards the next crash
  std::set<const Incident*> happened_;
  std::map<std::string, int> strikes_;  // by kind of fault: how many are to come
  std::list<MessagesAreLost> losses_;
  std::set<std::string> cut_off_;
  coordinator::Instant disturbed_{};  // last
  coordinator::Instant next_look_{};
  std::optional<coordinator::Instant> quiet_since_;
  Played played_;
};

}  // namespace settle::crash_matrix
