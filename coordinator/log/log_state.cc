#include "log/log_state.h"

namespace settle::coordinator {

void Count(Outcome outcome, std::int64_t change, LogTotals& totals) {
  const auto by = static_cast<std::uint64_t>(change);  // wraps as wanted
  switch (outcome) {
    case Outcome::kCommitted: totals.committed += by; return;
    case Outcome::kAborted: totals.aborted += by; return;
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit: totals.heuristic += by; return;
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return;
  }
}

}  // namespace settle::coordinator
