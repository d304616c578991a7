// What a resource says of a branch: its vote with evidence, and how it ended.
#pragma once

#include <cstdint>
#include <string>

#include "settle/vocabulary/outcome.h"

namespace settle {

enum class Vote {
  kCommit = 1,    // durably prepared: can be committed whatever crashes
  kReadOnly = 2,  // wrote nothing, already released; out of phase two
  kNo = 3,        // could not be prepared and is rolled back
};

// Recorded with a vote, so that "I do not know that branch" can later be settled by proof and not
// by a guess.
struct Evidence {
  // Identity of the database, e.g. "postgresql:7301234567890123456:16384" or "sqlite:6f1c…".
  std::string database;
  // PostgreSQL's timeline; a different one later means a fail-over took place. 0 where there is
  // none.
  std::uint32_t timeline = 0;
  // The database's own name of the branch's transaction: PostgreSQL's xid8 in decimal. May be
  // empty.
  std::string local_transaction;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

struct VoteResult {
  Vote vote = Vote::kNo;
  Evidence evidence;
  std::string reason;  // of a no-vote: one line, the database's own words and SQLSTATE included
  bool retryable =
      false;  // a no-vote whose cause may pass: serialization failure, prepared slots exhausted

  friend bool operator==(const VoteResult&, const VoteResult&) = default;
};

// What is so in the database after trying to finish a branch: a fact, never a guess.
enum class BranchEnd {
  kCommitted = 1,  // done now, or proved to have been committed
  kAborted = 2,    // done now, proved rolled back, or never prepared
  kHazard = 3,     // the branch is gone and there is no proof of what became of it
  kRetry = 4,      // could not be tried, or is still in progress: nothing is known, ask again
};

struct FinishResult {
  BranchEnd end = BranchEnd::kRetry;
  std::string
      detail;  // one line: why, with the database's own words; may be empty for the normal ends

  friend bool operator==(const FinishResult&, const FinishResult&) = default;
};

// Lower-case words: "commit", "read-only", "no"; "committed", "aborted", "hazard", "retry".
const char* ToString(Vote vote);
const char* ToString(BranchEnd end);

}  // namespace settle
