// A saga on the stage: a client, services with several processes of one name, databases with a
// barrier.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crash_matrix/stage.h"
#include "simulation/saga_client.h"
#include "simulation/saga_invariants.h"
#include "simulation/service.h"

namespace settle::crash_matrix {

class SagaStage : public Stage {
 public:
  SagaStage(const Scenario& scenario, crash_matrix::Databases databases,
            const std::vector<Crash>& crashes, const Staging& staging);

 private:
  std::optional<Gtid> First() const override;
  void BeginWork() override;
  bool Ready() const override;
  bool Settled() override { return !client_.starts() && simulation::Settled(scene_); }
  std::vector<std::string> Databases() const override;
  void CrashDatabase(const std::string& name) override { DatabaseNamed(name).Crash(); }
  void StartDatabase(const std::string& name) override { DatabaseNamed(name).Start(); }
  void HappenOwn(const Trouble& trouble) override;
  void Judge() override;
  void CheckOwnCrashes() override {}

  std::optional<settle::Answer> ByPlanOf(const coordinator::SagaCall& call);
  coordinator::StartSagaCall StartCall() const;
  void Skip(const std::string& step);
  simulation::BarrierDatabase& DatabaseNamed(const std::string& name);

  const simulation::ServiceRoughness smooth_{};
  simulation::SagaNotes notes_;
  simulation::SagaWitness witness_;
  std::deque<simulation::BarrierDatabase> databases_;
  std::deque<simulation::Service> services_;
  simulation::SagaClient client_;
  std::map<std::pair<BranchNumber, ActionOp>, int> carried_out_;  // as far as by plan
  const simulation::SagaScene scene_{notes_, disk_, coordinator_};
};

}  // namespace settle::crash_matrix
