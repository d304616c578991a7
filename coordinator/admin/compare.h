// What is decided against what a database says now, in words.
#pragma once

#include <string>

#include "protocol/records.h"
#include "settle/vocabulary/live.h"

namespace settle::coordinator {

enum class Decided {
  kNothing,  // yet
  kCommit,
  kAbort,
  kByBranch,  // one-phase: what its only branch's database did is the decision
  kUnclear,   // its records contradict themselves
};
// Of a transaction in a state and with an ending as TransactionSummary has them.
Decided DecisionOf(const TransactionSummary& summary);

struct Comparison {
  std::string words;         // "prepared; is committed when the decision reaches it"
  bool contradicts = false;  // it cannot be so unless somebody interfered, or data was lost

  friend bool operator==(const Comparison&, const Comparison&) = default;
};
// docs/protocols.md, "Proof instead of guessing", in words.
Comparison Compare(Decided decided, const BranchSummary& branch, const LiveBranch& live);

}  // namespace settle::coordinator
