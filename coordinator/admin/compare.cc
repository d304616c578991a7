#include "admin/compare.h"

namespace settle::coordinator {
namespace {

bool IsDamage(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit: return true;
    case Outcome::kCommitted:
    case Outcome::kAborted:
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return false;
  }
  return false;
}

// The commit of an only branch was its database's to decide, so that it has no vote.
bool IsLeftToItsBranch(const TransactionSummary& summary) {
  return summary.branches.size() == 1 && summary.branches.front().vote.empty();
}

std::string Because(const LiveBranch& live) {
  return live.proof_detail.empty() ? "" : " (" + live.proof_detail + ")";
}

Comparison Prepared(Decided decided, const BranchSummary& branch) {
  switch (decided) {
    case Decided::kNothing: return {"prepared; waits for the decision"};
    case Decided::kCommit:
      if (branch.state == "committed")
        return {"still prepared although it was reported as committed", true};
      return {"prepared; is committed when the decision reaches it"};
    case Decided::kAbort:
      if (branch.state == "aborted")
        return {"still prepared although it was reported as rolled back", true};
      return {"prepared; is rolled back when the decision reaches it"};
    case Decided::kByBranch: return {"prepared, which a commit in one phase never is", true};
    case Decided::kUnclear: return {"prepared"};
  }
  return {};
}

Comparison Gone(Decided decided, const BranchSummary& branch, const LiveBranch& live) {
  const std::string why = Because(live);
  switch (live.proof) {
    case Proof::kCommitted:
      if (decided == Decided::kAbort)
        return {"committed against the decision" + why + ": heuristic commit", true};
      if (decided == Decided::kNothing)
        return {"committed although nothing is decided" + why, true};
      return {"committed" + why};
    case Proof::kAborted:
      if (decided == Decided::kCommit)
        return {"rolled back against the decision" + why + ": heuristic rollback", true};
      if (decided == Decided::kNothing && branch.vote == "commit")
        return {"rolled back although it has voted to commit" + why, true};
      return {"rolled back" + why};
    case Proof::kInProgress: return {"not prepared; its work is still in progress" + why};
    case Proof::kNone: break;
  }
  const bool voted = !branch.evidence.local_transaction.empty();
  if (branch.state == "committed")
    return {"not prepared; it was reported as committed, and nothing proves it any more" + why};
  if (decided == Decided::kCommit && branch.vote != "read-only")
    return {"not prepared, and there is no proof of what became of it" + why + ": hazard", true};
  if (!voted) return {"not prepared"};
  return {"not prepared, and there is no proof of what became of it" + why};
}

}  // namespace

Decided DecisionOf(const TransactionSummary& summary) {
  if (summary.state == "quarantined" || summary.state == "last-resource") return Decided::kUnclear;
  if (summary.state == "one-phase" || summary.state == "delegating") return Decided::kByBranch;
  if (IsDamage(summary.ending.outcome)) {
    if (summary.ending.cause != AbortCause::kNone) return Decided::kAbort;
    return IsLeftToItsBranch(summary) ? Decided::kByBranch : Decided::kCommit;
  }
  if (summary.state == "committing" || summary.ending.outcome == Outcome::kCommitted)
    return Decided::kCommit;
  if (summary.state == "aborting" || summary.ending.outcome == Outcome::kAborted)
    return Decided::kAbort;
  return Decided::kNothing;
}

Comparison Compare(Decided decided, const BranchSummary& branch, const LiveBranch& live) {
  return live.prepared ? Prepared(decided, branch) : Gone(decided, branch, live);
}

}  // namespace settle::coordinator
