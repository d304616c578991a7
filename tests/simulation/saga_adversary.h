// What breaks sagas alone: operators who cancel, hurry, skip, set inputs and forget.
#pragma once

#include <vector>

#include "simulation/adversary.h"
#include "simulation/saga_witness.h"

namespace settle::simulation {

class SagaAdversary : public Adversary {
 public:
  SagaAdversary(World& world, CoordinatorNode& coordinator, Disk& disk, SagaWitness& witness,
                SagaNotes& notes)
      : Adversary(world, coordinator, disk), witness_(witness), notes_(notes) {}

  microseconds operators_every{0};  // about; 0: never
  // A process has died by itself.
  void BringBackLater(Caller& process);

 private:
  void BeginOwn() override;
  void HealOwn() override {}

  void OperatorActs();
  void Cancel(const Gtid& gtid);
  void Hurry(const Gtid& gtid);
  void ActOnAStep(const TransactionSummary& saga);
  void Act(const coordinator::SagaActCall& call);
  void Forget(const Gtid& gtid);
  std::vector<TransactionSummary> ListOpen();

  SagaWitness& witness_;
  SagaNotes& notes_;
};

}  // namespace settle::simulation
