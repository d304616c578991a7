// A program that starts sagas, waits for their end, and sometimes cancels them.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "simulation/caller.h"
#include "simulation/saga_witness.h"

namespace settle::simulation {

class SagaClient : public Caller {
 public:
  SagaClient(World& world, CoordinatorNode& coordinator, SagaWitness& witness, std::string name)
      : Caller(world, coordinator, std::move(name)), witness_(witness) {}

  // Repeats the start with one request key until it is answered. Cancels the saga so long after it
  // was begun, if at all.
  void Start(const coordinator::StartSagaCall& call, std::optional<microseconds> cancels_after);
  using Caller::Start;
  bool starts() const { return starting_ != 0; }  // and was not answered yet

 private:
  void OnStart() override {}
  void OnCrash() override { starting_ = 0; }
  void Await(const Gtid& gtid);
  void Cancel(const Gtid& gtid);

  SagaWitness& witness_;
  std::size_t starting_ = 0;
  std::uint64_t keys_ = 0;  // given out: no two sagas have the same
};

}  // namespace settle::simulation
