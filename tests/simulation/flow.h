// One transaction while a simulated process runs it.
#pragma once

#include <optional>
#include <vector>

#include "simulation/process.h"
#include "vocabulary/planted_bug.h"

namespace settle::simulation {

struct Process::Flow {
  struct Part : Plan::Part {
    std::optional<BranchKey> key;
    std::optional<VoteResult> vote;  // of a branch in this process
    std::string name{};              // to be prepared under; empty: the key's own
  };
  Gtid gtid;
  std::vector<Part> parts;
  coordinator::Wait wait = coordinator::Wait::kApplied;
  bool one_phase = false;
  settle::Protocol protocol = settle::Protocol::kTwoPhase;
  Plan::Then then = Plan::Then::kCommit;
  std::size_t missing = 0;   // operations under way
  bool refused = false;      // a branch here voted no
  BranchNumber granted = 0;  // it may number so many itself, in this session
  SessionId session{};
  std::vector<coordinator::event::OwnBranch> own{};  // those that it did
  std::optional<std::size_t> last{};                 // the part that is the last resource
  Evidence evidence{};                               // its
  bool IsLast(const Part& part) const { return last && &part == &parts[*last]; }
  // It is not prepared either, and committed after the first.
  bool IsSecondLast(const Part& part) const {
    return SETTLE_PLANTED_BUG(kTwoLastResources) && last && !IsLast(part) && part.change != 0;
  }
};

}  // namespace settle::simulation
