#include "settle/vocabulary/outcome.h"

#include "settle/vocabulary/branch.h"

namespace settle {

const char* ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCommitted: return "committed";
    case Outcome::kAborted: return "aborted";
    case Outcome::kUndecided: return "undecided";
    case Outcome::kUnknown: return "unknown";
    case Outcome::kExpired: return "expired";
    case Outcome::kMixed: return "mixed";
    case Outcome::kHazard: return "hazard";
    case Outcome::kHeuristicRollback: return "heuristic-rollback";
    case Outcome::kHeuristicCommit: return "heuristic-commit";
  }
  return "unrecognised";
}

const char* ToString(AbortCause cause) {
  switch (cause) {
    case AbortCause::kNone: return "none";
    case AbortCause::kRequested: return "requested";
    case AbortCause::kDeadline: return "deadline";
    case AbortCause::kVotedNo: return "voted-no";
    case AbortCause::kVoteTimeout: return "vote-timeout";
    case AbortCause::kParticipantLost: return "participant-lost";
    case AbortCause::kOperator: return "operator";
    case AbortCause::kLogRefused: return "log-refused";
    case AbortCause::kPresumed: return "presumed";
    case AbortCause::kRolledBack: return "rolled-back-by-resource";
    case AbortCause::kStepFailed: return "step-failed";
    case AbortCause::kQuorum: return "quorum";
  }
  return "unrecognised";
}

const char* ToString(Decision decision) {
  switch (decision) {
    case Decision::kCommit: return "commit";
    case Decision::kAbort: return "abort";
  }
  return "unrecognised";
}

const char* ToString(Vote vote) {
  switch (vote) {
    case Vote::kCommit: return "commit";
    case Vote::kReadOnly: return "read-only";
    case Vote::kNo: return "no";
  }
  return "unrecognised";
}

const char* ToString(BranchEnd end) {
  switch (end) {
    case BranchEnd::kCommitted: return "committed";
    case BranchEnd::kAborted: return "aborted";
    case BranchEnd::kHazard: return "hazard";
    case BranchEnd::kRetry: return "retry";
  }
  return "unrecognised";
}

}  // namespace settle
