// What the coordinator says and what participants do is held, at that moment, against the rules of
// a saga: what is durable, what has taken effect, what was told.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/coordinator_node.h"
#include "simulation/saga_note.h"
#include "simulation/service_watch.h"

namespace settle::simulation {

class SagaWitness : public ServiceWatch {
 public:
  SagaWitness(World& world, CoordinatorNode& coordinator, SagaNotes& notes)
      : world_(world), coordinator_(coordinator), notes_(notes) {}

  // The coordinator answers.
  void Hears(const Error& refusal) override { CountRefusal(world_, refusal); }
  void Hears(const Begun& begun);
  void Hears(const SessionId& session, const CommandBatch& batch) override;
  void Hears(const Gtid& gtid, const Ending& ending);
  // `done`, and the ending is heard.
  Completion<Ending> Heard(const Gtid& gtid, Completion<Ending> done);

  // The coordinator hands a record to its log.
  void Appends(const Record& record);

  // A local transaction of a participant that carried out the call's business is committed.
  void TookEffect(const SagaCall& call, const Answer& answer);

  // A client is told how its saga ended, or that it is too late to cancel it.
  void Told(const Gtid& gtid, const Ending& ending);
  void CancelRefused(const Gtid& gtid);

  // An operator is told that it is done.
  void Acted(const coordinator::SagaActCall& call);

  // Something may make calls go out before their time: an operator, a process that attaches, a
  // restart.
  void Nudged() override { nudges_.push_back(world_.now()); }
  std::uint64_t NextToken() override { return ++tokens_; }

 private:
  void Leaves(const SagaCall& call);
  void Did(SagaNote& note, const SagaCall& call, const Answer& answer);
  void Undid(SagaNote& note, const SagaCall& call);
  void CheckInput(const SagaNote& note, const SagaCall& call);
  void Violates(const std::string& invariant, const SagaCall& call, const std::string& what);
  const SagaFacts& FactsOf(const Gtid& gtid) const;
  bool IsSkipped(const SagaNote& note, BranchNumber step) const;

  World& world_;
  CoordinatorNode& coordinator_;
  SagaNotes& notes_;
  std::set<std::pair<SessionId, std::int64_t>> batches_;  // seen: the others are sent again
  std::vector<coordinator::Instant> nudges_;
  std::uint64_t tokens_ = 0;
};

// Directly or not.
bool ComesBefore(const coordinator::saga::Definition& definition, BranchNumber step,
                 BranchNumber later);

}  // namespace settle::simulation
