// A program that reserves in services, and commits or aborts; or forgets what it began.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simulation/caller.h"
#include "simulation/tcc_witness.h"

namespace settle::simulation {

struct TccOrder {
  enum class Ends { kAsItShould, kCommits, kAborts, kNever };

  std::vector<std::string> participants;  // one reservation at each
  Ends ends = Ends::kAsItShould;          // kAsItShould: commits if all was reserved
  bool at_once = false;                   // does not wait for the answers before it ends
  coordinator::Wait wait = coordinator::Wait::kApplied;
};

class TccClient : public Caller {
 public:
  TccClient(World& world, CoordinatorNode& coordinator, TccWitness& witness, std::string name)
      : Caller(world, coordinator, std::move(name)), witness_(witness) {}

  void Place(const TccOrder& order);

 private:
  struct Flow {
    TccOrder order;
    Gtid gtid;
    std::size_t answered = 0;
    bool all_reserved = true;
    bool ended = false;
  };

  void OnStart() override {}
  void OnCrash() override {}
  void Try(const std::shared_ptr<Flow>& flow, std::size_t which);
  void End(const std::shared_ptr<Flow>& flow);
  void Commit(const std::shared_ptr<Flow>& flow);
  void Abort(const std::shared_ptr<Flow>& flow);
  void AskOutcome(const Gtid& gtid);

  TccWitness& witness_;
};

}  // namespace settle::simulation
