// A process that serves actions of sagas, or reservations, in the simulated world: attaches,
// fetches calls, runs its handlers behind the barrier of its database, reports. It may die in the
// middle of a handler.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulation/barrier_database.h"
#include "simulation/caller.h"
#include "simulation/service_watch.h"

namespace settle::simulation {

// How rough the services of this seed are: probabilities, of one call.
struct ServiceRoughness {
  double fails = 0;  // an action or try, definitively
  double throws = 0;
  double ongoing = 0;
  double late = 0;                // it answers after its time-out
  double commit_lost = 0;         // not done, or done and not answered
  double dies_before_commit = 0;  // the process
  double dies_before_answer = 0;
  double compensation_fails = 0;  // or a confirm or cancel
};

// `fails_often` is how probable it is that actions fail at all, `fails_most` how often at the most.
ServiceRoughness DrawServiceRoughness(World& world, double fails_often, double fails_most);

class Service : public Caller {
 public:
  using Databases = std::map<std::string, BarrierDatabase*>;  // by participant
  Service(World& world, CoordinatorNode& coordinator, ServiceWatch& witness,
          const ServiceRoughness& rough, std::string name, Databases databases)
      : Caller(world, coordinator, std::move(name)),
        witness_(witness),
        rough_(rough),
        databases_(std::move(databases)) {}

  std::function<void(Service&)> when_it_dies;  // by itself
  // What a handler answers by plan; nothing: it does its work.
  std::function<std::optional<settle::Answer>(const SagaCall&)> by_plan;
  // How much longer a call lies there by plan before its handler runs.
  std::function<microseconds(const SagaCall&)> delay_by_plan;

 private:
  void OnStart() override { Attach(); }
  void OnCrash() override;

  void Attach();
  void Fetch();
  void Carry(const CommandBatch& batch);
  void Handle(const SagaCall& call);
  settle::Answer DoBusiness(const SagaCall& call);
  void Die();
  void Report();
  microseconds Effort(const SagaCall& call);

  ServiceWatch& witness_;
  const ServiceRoughness& rough_;
  const Databases databases_;
  std::int64_t received_through_ = 0;
  bool reporting_ = false;
  std::deque<coordinator::SagaAnswer> answers_;
};

// A process for each of three participants or more. Each process serves one or two of them, so
// every participant has one or two processes. `databases` are those of the participants, in their
// order.
void DrawServices(World& world, CoordinatorNode& coordinator, ServiceWatch& witness,
                  const ServiceRoughness& rough, const std::vector<std::string>& participants,
                  std::deque<BarrierDatabase>& databases, std::deque<Service>& services);

}  // namespace settle::simulation
