// Transactions of two-phase commit on the stage: processes with the SDK's machines, databases that
// can prepare.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crash_matrix/stage.h"
#include "simulation/invariants.h"

namespace settle::crash_matrix {

class TwoPhaseStage : public Stage {
 public:
  TwoPhaseStage(const Scenario& scenario, crash_matrix::Databases databases,
                const std::vector<Crash>& crashes, const Staging& staging);

 protected:
  std::optional<Gtid> First() const override;
  bool Ready() const override;
  std::vector<std::string> Databases() const override;
  void CrashDatabase(const std::string& name) override { DatabaseNamed(name).Crash(); }
  void StartDatabase(const std::string& name) override;
  void Judge() override;
  // How many branches changed something, and of how many it is final.
  virtual simulation::Tally Count(const simulation::Note& note) const {
    return simulation::Count(note);
  }

  virtual std::unique_ptr<simulation::Process> MakeProcess(
      const std::string& name, std::vector<simulation::SimulatedDatabase*> served);
  void HappenOwn(const Trouble& trouble) override;

  std::map<Gtid, simulation::Note> notes_;
  std::deque<simulation::SimulatedDatabase> databases_;

 private:
  void Cast() override;
  void BeginWork() override;
  bool Settled() override { return simulation::Settled(scene_); }
  void CheckOwnCrashes() override;

  void Happen(const OperatorFinishes& finishes);
  void Happen(const DatabaseForgets& forgets);
  void CheckAnswer(simulation::Note& note);
  simulation::SimulatedDatabase& DatabaseNamed(const std::string& name);

  std::map<std::string, std::set<std::string>> serves_;  // which databases
  std::map<std::string, std::unique_ptr<simulation::Process>> own_;
  simulation::Witness witness_;
  const simulation::Scene scene_{notes_, databases_, disk_, coordinator_};
};

}  // namespace settle::crash_matrix
