// What the coordinator says is held, at the moment it says it, against what is durable and against
// what the databases hold.
#pragma once

#include <map>
#include <set>

#include "simulation/coordinator_node.h"
#include "simulation/note.h"

namespace settle::simulation {

class Witness {
 public:
  Witness(World& world, CoordinatorNode& coordinator, std::map<Gtid, Note>& notes)
      : world_(world), coordinator_(coordinator), notes_(notes) {}

  // The coordinator answers a call about `gtid`.
  void Hears(const Gtid& gtid, const Error& refusal);
  void Hears(const Gtid& gtid, const Begun& begun);
  void Hears(const Gtid& gtid, const CommitAnswer& answer);
  void Hears(const Gtid& gtid, const OnePhaseAnswer& answer);
  void Hears(const Gtid& gtid, const Ending& ending);
  void Hears(const Gtid& gtid, const CommandBatch& batch);
  void HearsAbort(const Gtid& gtid);
  void HearsQuestion(const Command& command);  // to a site, in a round of three-phase commit
  void Hears(const Gtid& gtid, const SiteAnswer& answer);  // as a site
  void Hears(const Gtid&, const Attached&) {}
  void Hears(const Gtid&, BranchNumber) {}
  void Hears(const Gtid&, const coordinator::TryAnswer&) {}
  void Hears(const Gtid&, std::monostate) {}

  // A process carries out a command, whose epoch it accepted; `seen` is the highest it had seen.
  void Carries(const Command& command, Epoch seen);

  // A client is told how its transaction ended.
  void Told(const Gtid& gtid, const Ending& ending);

  // The coordinator hands a record to its log.
  void Appends(const Record& record);

 private:
  void Appends(const HeuristicIntentRecord& record);
  void CheckLastOf(const Gtid& gtid, const char* what);
  bool IsAllThatWasFound(const Note& note) const;
  World& world_;
  CoordinatorNode& coordinator_;
  std::map<Gtid, Note>& notes_;
  std::map<Gtid, std::set<BranchNumber>> known_;  // of a decision that was to be recorded
};

}  // namespace settle::simulation
