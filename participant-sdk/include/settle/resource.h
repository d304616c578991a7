// What Settle needs of a database or service to put it under a global transaction. PostgresResource
// and SqliteResource implement it; implement it yourself for anything that can prepare durably.
//
// The rule behind every function: say what is so, never what is likely. A branch that voted kCommit
// must be committable after any crash, in any process, by its key alone, and its resource must be
// able to tell "committed" from "rolled back" or say kHazard.
//
// What these functions throw goes no further than the SDK and counts as the least that can be
// known: a no-vote (then the branch is fenced and finished by an abort), kRetry, or an error.
//
// docs/writing_a_participant.md goes through them one by one; examples/custom_resource is one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/last_resource.h"
#include "settle/vocabulary/live.h"
#include "settle/vocabulary/status.h"
#include "settle/vocabulary/three_phase.h"

namespace settle {

class SiteLedger;  // settle/site_ledger.h

// One branch's work while its process lives: begun, worked in, prepared, finished. Used by one
// thread at a time, except for Fence. Dropping it unprepared rolls its work back; dropping it
// prepared leaves it in doubt in the database, where phase two finds it by its key.
class Branch {
 public:
  virtual ~Branch() = default;

  // Phase one. StartPrepare may send and return at once, so that several branches prepare at the
  // same time; AwaitPrepare blocks for the vote. A kNo vote means: already rolled back.
  virtual void StartPrepare() {}
  virtual VoteResult AwaitPrepare() = 0;

  // Phase two in the process that prepared it. Start may send and return; Await blocks.
  virtual void StartFinish(Decision) {}
  virtual FinishResult AwaitFinish(Decision decision) = 0;

  // One-phase commit. TakeEvidence is called first, on the open branch: kNotFound means that the
  // branch wrote nothing (it is then released and counts as read-only). CommitOnePhase then commits
  // without preparing. The default says that the resource has no one-phase commit: it is prepared
  // instead.
  virtual Result<Evidence> TakeEvidence() {
    return Fail(ErrorCode::kRefused, "this resource has no one-phase commit");
  }
  virtual FinishResult CommitOnePhase() {
    return {BranchEnd::kRetry, "this resource has no one-phase commit"};
  }

  // The logging last resource. True: committed in one phase it can decide for the others, since
  // Resource::Prove says by its evidence, to anybody and after any crash, what became of it.
  virtual bool CanBeLast() const { return false; }
  // Called before anything runs in it: its evidence is likely to be asked for, so it may be taken
  // along with the work instead of by a round trip of its own.
  virtual void MayBecomeLast() {}
  // Called before StartPrepare, of all branches but the last: prepare under NameInNameOf(key,
  // last), or, if there is none, under the key's own name after all. Scans say the name as it is;
  // Finish and Inspect find the branch by its key under either.
  [[nodiscard]] virtual Status PrepareInNameOf(const std::optional<LastResource>&) {
    return Fail(ErrorCode::kRefused, "this resource cannot prepare in the name of another");
  }

  // Three-phase commit. Called before StartPrepare: this branch is a site of the transaction, with
  // these peers. With its yes-vote it leaves a record in the resource's ledger, kWaiting, as
  // durable as the prepare itself; it never votes read-only; and it votes no, rolled back, when its
  // ledger holds a record already: its peers decided without it.
  [[nodiscard]] virtual Status BecomeSite(const Roster&) {
    return Fail(ErrorCode::kRefused, "this resource cannot be a site of three-phase commit");
  }

  // Rolls back an unprepared branch and kills the handle: nothing can run in it, or outside the
  // transaction through it, any more. From any thread, at any time, also while another thread is
  // inside a statement.
  virtual void Fence() = 0;
};

// A database under a name. Its functions are thread-safe and blocking.
//
// To be given to GlobalTransaction::Enlist, a class derived from this also has
//   using BranchType = ...;  // derived from Branch
//   Result<std::shared_ptr<BranchType>> Open(const BranchKey& key);  // thread-safe
class Resource {
 public:
  virtual ~Resource() = default;

  // 1 to 64 of [A-Za-z0-9._-]; the same in every process that serves this database.
  virtual const std::string& name() const = 0;

  // Reaches the database, checks that it can prepare, and names it: an identity that no other
  // database has, e.g. "postgresql:<system identifier>:<database oid>". Errors say what to change.
  [[nodiscard]] virtual Result<std::string> Identify() = 0;

  // What Identify found that weakens the promise although the database can be used, a line each:
  // e.g. fsync = off. Told to CoordinatorOptions::warn when the resource attaches.
  virtual std::vector<std::string> warnings() const { return {}; }

  // The branch's transaction was begun with this W3C traceparent
  // (settle/vocabulary/trace_parent.h): told before the branch is opened in this process, and
  // before each thing that the coordinator has done to it. For the resource's own log; by default
  // nobody cares.
  virtual void Traced(const BranchKey&, const std::string& /*trace_parent*/) {}

  // Phase two by key alone: after a crash, in any process. Idempotent. Never reads "unknown branch"
  // as success: asks for proof by `evidence` (protocols: proof instead of guessing).
  virtual FinishResult Finish(const BranchKey& key, Decision decision,
                              const Evidence& evidence) = 0;

  // What became of a branch that was to commit in one phase, by `evidence`. kRetry while it is in
  // progress. Never asked of a resource whose branches have no one-phase commit.
  virtual FinishResult Prove(const BranchKey&, const Evidence&) {
    return {BranchEnd::kRetry, "this resource has no one-phase commit"};
  }

  // Null: its branches cannot be sites of three-phase commit. Asked once Identify has succeeded;
  // lives as long as the resource.
  virtual SiteLedger* site_ledger() { return nullptr; }

  // Looks at whether the database is fit for what Settle promises, now: settings, room for prepared
  // branches, age of those that are there, versions. For `settle doctor`, which shows every finding
  // with its advice. `log_id` is the log of the coordinator that asks, to tell its branches from
  // those of others. Changes nothing, holds a lock that work waits for no longer than a moment, and
  // is over within `timeout` or soon after it. A database that does not answer is a finding. Asked
  // by a thread of its own, so that nothing waits for it. The default says that nothing is known.
  [[nodiscard]] virtual Result<Examination> Examine(const std::string& /*log_id*/,
                                                    std::chrono::milliseconds /*timeout*/) {
    return Fail(ErrorCode::kRefused, "this resource cannot be examined");
  }

  // The names of all prepared branches of Settle in this very database. A scan that fails half way
  // is an error.
  [[nodiscard]] virtual Result<std::vector<std::string>> ScanPrepared() = 0;

  // What a branch that ScanPrepared found voted with, as far as the database can still tell; asked
  // of those that are prepared in the name of a last resource. Empty evidence: it cannot. None: the
  // branch is not prepared any more, or cannot be asked about now; the next scan finds it if it is.
  virtual std::optional<Evidence> EvidenceOf(const std::string& /*database_name*/) {
    return Evidence{};
  }

  // How the branch is in the database now, for an operator: prepared or not, what proof there is of
  // its end, what it holds, who waits behind it. Reads only, and is over within `timeout` or soon
  // after it. `evidence` is the vote's; empty before one. Asked by a thread of its own, so that
  // nothing waits for it. An error says why it could not be seen.
  [[nodiscard]] virtual Result<LiveBranch> Inspect(const BranchKey&, const Evidence&,
                                                   std::chrono::milliseconds /*timeout*/) {
    return Fail(ErrorCode::kRefused, "this resource cannot be asked how its branches are");
  }
};

}  // namespace settle
