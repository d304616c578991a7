// Three-phase commit on the stage: processes whose databases are sites, with the SDK's own records,
// recovery and rounds, and messages between them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crash_matrix/two_phase_stage.h"
#include "simulation/three_phase_invariants.h"

namespace settle::crash_matrix {

class ThreePhaseStage : public TwoPhaseStage {
 public:
  ThreePhaseStage(const Scenario& scenario, crash_matrix::Databases databases,
                  const std::vector<Crash>& crashes, const Staging& staging);

 private:
  std::unique_ptr<simulation::Process> MakeProcess(
      const std::string& name, std::vector<simulation::SimulatedDatabase*> served) override;
  void HappenOwn(const Trouble& trouble) override;
  void Judge() override;

  void Suspect(const std::string& process, int tries);
  void Wrote(const BranchKey& key, const SiteRecord& record);

  std::deque<simulation::SimulatedLedger> ledgers_;
  simulation::SiteProcess::Peers peers_;
  std::map<Gtid, SiteState> ends_;  // the first that a site of it has written
  const simulation::SiteScene scene_{ledgers_, peers_, coordinator_, world_};
};

}  // namespace settle::crash_matrix
