// Shared by the files of the two-phase machine; of no use to anybody else.
#pragma once

#include <iterator>
#include <utility>

#include "protocol/two_phase.h"

namespace settle::coordinator {

inline void Add(Effects& effects, Effects more) {
  std::move(more.begin(), more.end(), std::back_inserter(effects));
}

inline bool IsUnfinished(const TwoPhase::Branch& branch) {
  return branch.state == TwoPhase::BranchState::kCommitting ||
         branch.state == TwoPhase::BranchState::kAborting ||
         branch.state == TwoPhase::BranchState::kOnePhase;
}

// A branch that the caller finishes itself is left alone for this many steps of back-off.
inline constexpr int kPatienceWithCaller = 4;

// Every branch is a site; with an even number of them the coordinator is one too.
Roster MakeRoster(const std::vector<TwoPhase::Branch>& branches);

// What a command to a site carries beside what every command carries.
void AddQuorum(effect::Send& send, const ThreePhase& quorum);

}  // namespace settle::coordinator
