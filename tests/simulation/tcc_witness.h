// What the coordinator says and what services do is held, at that moment, against the rules of
// docs/tcc.md: what is durable, what has taken effect, what was told.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "simulation/coordinator_node.h"
#include "simulation/service_watch.h"
#include "simulation/tcc_note.h"

namespace settle::simulation {

class TccWitness : public ServiceWatch {
 public:
  TccWitness(World& world, CoordinatorNode& coordinator, TccNotes& notes)
      : world_(world), coordinator_(coordinator), notes_(notes) {}

  void Hears(const Error& refusal) override { CountRefusal(world_, refusal); }
  void Hears(const SessionId& session, const CommandBatch& batch) override;
  void Nudged() override {}
  std::uint64_t NextToken() override { return ++tokens_; }
  void Hears(const Begun& begun);

  // A local transaction of a service that carried out the call's business is committed.
  void TookEffect(const SagaCall& call);
  // A client or an operator is told how it ended.
  void Told(const Gtid& gtid, const Ending& ending);

 private:
  void Leaves(const SagaCall& call);
  void Violates(const char* invariant, const SagaCall& call, const std::string& what);
  bool IsDecided(const Gtid& gtid) const { return coordinator_.disk().decided.contains(gtid); }

  World& world_;
  CoordinatorNode& coordinator_;
  TccNotes& notes_;
  std::set<std::pair<SessionId, std::int64_t>> batches_;  // seen: the others are sent again
  std::pair<Epoch, std::uint64_t> mark_{};                // what services were told has ended
  std::uint64_t tokens_ = 0;
};

}  // namespace settle::simulation
