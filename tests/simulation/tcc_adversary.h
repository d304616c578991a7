// What breaks reservations alone: operators who abort, hurry, skip and forget.
#pragma once

#include "simulation/adversary.h"
#include "simulation/tcc_witness.h"

namespace settle::simulation {

class TccAdversary : public Adversary {
 public:
  TccAdversary(World& world, CoordinatorNode& coordinator, Disk& disk, TccWitness& witness)
      : Adversary(world, coordinator, disk), witness_(witness) {}

  microseconds operators_every{0};  // about; 0: never
  // A process has died by itself.
  void BringBackLater(Caller& process);

 private:
  void BeginOwn() override;
  void HealOwn() override {}

  void OperatorActs();
  void Abort(const Gtid& gtid);
  void Hurry(const Gtid& gtid);
  void Skip(const TransactionSummary& transaction);
  void Forget(const Gtid& gtid);

  TccWitness& witness_;
};

}  // namespace settle::simulation
