// How a global transaction ends, as values.
#pragma once

#include <string>

namespace settle {

enum class Outcome {
  kCommitted = 1,
  kAborted = 2,
  kUndecided = 3,          // still active; nobody may act on it
  kUnknown = 4,            // the answer could not be had: ask again, never redo the work
  kExpired = 5,            // it ended, its record was pruned
  kMixed = 6,              // heuristic: some branches committed, some rolled back
  kHazard = 7,             // decided, but what became of a branch cannot be proved
  kHeuristicRollback = 8,  // decided to commit, every branch was rolled back by someone else
  kHeuristicCommit = 9,    // decided to abort, a branch was committed by someone else
};

// Why a transaction was aborted.
enum class AbortCause {
  kNone = 0,
  kRequested = 1,        // the application asked
  kDeadline = 2,         // the transaction's deadline passed before commit was asked
  kVotedNo = 3,          // a branch could not be prepared
  kVoteTimeout = 4,      // a vote did not come in time
  kParticipantLost = 5,  // the process that owned an unprepared branch is gone
  kOperator = 6,         // an operator asked
  kLogRefused = 7,       // the decision could not be stored (disk full); nothing was decided
  kPresumed = 8,         // no record of a commit exists: it never was decided
  kRolledBack = 9,       // one-phase: the resource proved that it had rolled back
  kStepFailed = 10,      // a saga's step failed, or gave no answer as often as it may
  kQuorum = 11,          // three-phase: a majority of the sites agreed to abort in a recovery round
};

enum class Decision { kCommit = 1, kAbort = 2 };

// The whole answer to "what became of it?".
struct Ending {
  Outcome outcome = Outcome::kUnknown;
  AbortCause cause = AbortCause::kNone;
  std::string reason;  // one line for people; why it was aborted or what is damaged
  bool retryable =
      false;  // aborted for a passing cause: the same work under a new gtid may succeed

  bool committed() const { return outcome == Outcome::kCommitted; }
  bool aborted() const { return outcome == Outcome::kAborted; }
  friend bool operator==(const Ending&, const Ending&) = default;
};

// Lower-case words: "committed", "heuristic-rollback", "vote-timeout".
const char* ToString(Outcome outcome);
const char* ToString(AbortCause cause);
const char* ToString(Decision decision);

}  // namespace settle
