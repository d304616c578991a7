#include <utility>

#include "client/commit.h"
#include "client/endings.h"
#include "participant/resource_calls.h"
#include "settle/vocabulary/failpoint.h"
#include "transport/backoff.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
using State = GlobalTransaction::State;
using LocalBranch = State::LocalBranch;

// Rolls the branch back. Whatever the coordinator was asked, this is certain to be an abort: only
// the handle that is fenced here could have committed it.
Ending Withdraw(State& transaction, AbortCause cause, const std::string& why, bool retryable) {
  transaction.RollBackHere(why, false);
  return AbortedEnding(cause, why, retryable);
}

// It wrote nothing: an ordinary commit with a read-only vote.
Ending CommitReadOnly(State& transaction, LocalBranch& branch, const CommitOptions& options) {
  VoteResult vote{Vote::kReadOnly, {}, {}, false};
  transaction.participant().Tell(branch.key, event::OnePhaseDeclined{});
  if (transaction.participant().Tell(branch.key, event::ApplicationPrepares{})) {
    transaction.participant().Tell(branch.key, event::Voted{vote});
  }
  return Decide(transaction, {{branch.key.number, vote}}, options);
}

// The evidence could not be had, so the branch cannot go on.
Ending RefuseBroken(State& transaction, LocalBranch& branch, const Error& why) {
  const VoteResult vote{Vote::kNo, {}, Describe(why), false};
  transaction.RollBackHere(vote.reason, false);
  return Refuse(transaction, {{branch.key.number, vote}});
}

// The resource decides now. A lost reply is settled by asking it, never by a guess.
Ending CommitGranted(State& transaction, LocalBranch& branch, const Evidence& evidence,
                     const CommitOptions& options) {
  Participant& participant = transaction.participant();
  const Instant until = Clock::now() + transaction.program().WaitFor(options);
  if (!participant.Tell(branch.key, event::ApplicationCommitsOnePhase{})) {
    return Withdraw(transaction, AbortCause::kRolledBack, "the branch was rolled back meanwhile",
                    true);
  }
  FinishResult result = CommitOnePhase(*branch.handle);
  Backoff backoff;
  while (result.end == BranchEnd::kRetry && Clock::now() < until) {
    std::this_thread::sleep_for(backoff.Next());
    result = Prove(*branch.resource, branch.key, evidence);
  }
  // Crash here: committed or not, the coordinator has it proved by the evidence.
  SETTLE_FAILPOINT("client.finished_one");
  if (result.end == BranchEnd::kRetry) {
    participant.Tell(branch.key, event::OnePhaseGivenUp{});
  } else {
    participant.Tell(branch.key, event::Finished{result}, Pace::kWithOthers);
  }
  switch (result.end) {
    case BranchEnd::kCommitted: return {Outcome::kCommitted, AbortCause::kNone, {}, false};
    case BranchEnd::kAborted: return AbortedEnding(AbortCause::kRolledBack, result.detail);
    case BranchEnd::kHazard: return {Outcome::kHazard, AbortCause::kNone, result.detail, false};
    case BranchEnd::kRetry: break;
  }
  return UnknownEnding(transaction.gtid,
                       branch.resource->name() + " did not say: " + result.detail);
}

}  // namespace

std::optional<Ending> CommitInOnePhase(State& transaction, const CommitOptions& options) {
  Participant& participant = transaction.participant();
  LocalBranch& branch = transaction.branches.front();
  if (branch.handle == nullptr || !participant.Tell(branch.key, event::ApplicationAsksOnePhase{})) {
    return std::nullopt;  // dead already: the vote says why
  }
  Result<Evidence> evidence = TakeEvidence(*branch.handle);
  if (!evidence) {
    if (evidence.error().code == ErrorCode::kNotFound) {
      return CommitReadOnly(transaction, branch, options);
    }
    participant.Tell(branch.key, event::OnePhaseDeclined{});
    if (evidence.error().code == ErrorCode::kRefused) return std::nullopt;
    return RefuseBroken(transaction, branch, evidence.error());
  }
  const std::string own = transaction.IsOwn(branch.key) ? branch.resource->name() : "";
  const OnePhaseCall call{transaction.gtid, branch.key.number, *evidence, own};
  Result<OnePhaseAnswer> answer = transaction.program().pool.Call<OnePhaseAnswer>(
      transaction.program().Long(),
      [&](Link& link, Instant by) { return link.CommitOnePhase(call, by); });
  if (!answer) {
    return Withdraw(transaction, AbortCause::kRolledBack,
                    "the coordinator gave no leave to commit: " + Describe(answer.error()), true);
  }
  // Crash here: the leave is durable, the branch is open: its database rolls it back, and says so
  // when asked.
  SETTLE_FAILPOINT("client.decided");
  if (answer->granted) return CommitGranted(transaction, branch, *evidence, options);
  if (!answer->ending || answer->ending->outcome == Outcome::kUndecided) {
    participant.Tell(branch.key, event::OnePhaseDeclined{});
    return std::nullopt;
  }
  transaction.RollBackHere("the transaction had ended", false);
  if (answer->ending->aborted()) return *answer->ending;
  return Ending{Outcome::kHazard, AbortCause::kNone,
                std::string("the coordinator says ") + ToString(answer->ending->outcome) +
                    ", but the branch was rolled back here: " + answer->ending->reason,
                false};
}

}  // namespace settle::sdk
