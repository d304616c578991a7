// A program that starts sagas, waits for their end, and sometimes cancels them.
#pragma once

#include <optional>
#include <utility>

#include "simulation/caller.h"
#include "simulation/saga_witness.h"

namespace settle::simulation {

class SagaClient : public Caller {
 public:
  SagaClient(World& world, CoordinatorNode& coordinator, SagaWitness& witness, std::string name)
      : Caller(world, coordinator, std::move(name)), witness_(witness) {}

  // Cancels it so long after it was begun, if at all.
  void Start(const coordinator::StartSagaCall& call, std::optional<microseconds> cancels_after);
  using Caller::Start;

 private:
  void OnStart() override {}
  void OnCrash() override {}
  void Await(const Gtid& gtid);
  void Cancel(const Gtid& gtid);

  SagaWitness& witness_;
};

}  // namespace settle::simulation
