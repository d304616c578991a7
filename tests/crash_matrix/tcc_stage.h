// Transactions with reservations on the stage: beside the actors of two-phase commit services with
// several processes of one name, and databases with a barrier.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crash_matrix/two_phase_stage.h"
#include "simulation/service.h"
#include "simulation/tcc_invariants.h"
#include "simulation/tcc_witness.h"

namespace settle::crash_matrix {

class TccStage : public TwoPhaseStage {
 public:
  TccStage(const Scenario& scenario, crash_matrix::Databases databases,
           const std::vector<Crash>& crashes, const Staging& staging);

 private:
  bool Ready() const override;
  std::vector<std::string> Databases() const override;
  void CrashDatabase(const std::string& name) override;
  void StartDatabase(const std::string& name) override;
  void Judge() override;
  simulation::Tally Count(const simulation::Note& note) const override;

  // The first branches of a transaction, in their order. Further transactions do as the first does.
  const Reservation& ReservationOf(const coordinator::SagaCall& call) const;
  std::optional<settle::Answer> ByPlanOf(const coordinator::SagaCall& call);
  simulation::BarrierDatabase* BarrierNamed(const std::string& name);

  const simulation::ServiceRoughness smooth_{};
  simulation::TccNotes reserved_;
  simulation::TccWitness witness_;
  std::deque<simulation::BarrierDatabase> barriers_;
  std::deque<simulation::Service> services_;
  std::map<std::pair<BranchNumber, ActionOp>, int> carried_out_;  // as far as by plan
  const simulation::TccScene scene_{reserved_, disk_, coordinator_};
};

}  // namespace settle::crash_matrix
