// Commit by a last resource: the others are prepared in its name, then its own commit decides.
#include <algorithm>
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

struct Chosen {
  std::size_t index = 0;
  LastResource last;
};

// Empty: it may have one, as far as can be seen without asking the branches.
std::string WhyNone(const State& transaction) {
  if (transaction.branches.size() < 2) return "it has no two branches";
  if (transaction.context_given) return "other processes may have joined it";
  if (transaction.tried) return "it has reservations";
  return {};
}

// The first branch that can decide and wrote something. It is chosen before any other is prepared,
// and its evidence, which they are to name, is taken.
std::optional<Chosen> Choose(State& transaction) {
  Participant& participant = transaction.participant();
  for (std::size_t i = 0; i < transaction.branches.size(); ++i) {
    LocalBranch& branch = transaction.branches[i];
    const std::string& wanted = transaction.last_resource_name;
    if (branch.handle == nullptr) return std::nullopt;  // dead already: the vote says why
    if (!branch.handle->CanBeLast()) continue;
    if (!wanted.empty() && branch.resource->name() != wanted) continue;
    if (!participant.Tell(branch.key, event::ApplicationAsksOnePhase{})) return std::nullopt;
    Result<Evidence> evidence = TakeEvidence(*branch.handle);
    if (evidence) {
      return Chosen{i, {branch.key.number, branch.resource->name(), *std::move(evidence)}};
    }
    // Read-only, or it cannot go on: its vote will say so.
    participant.Tell(branch.key, event::OnePhaseDeclined{});
  }
  return std::nullopt;
}

// Every other branch must be able to say who decides, or none says it.
Status NameInAll(State& transaction, const Chosen& chosen) {
  Status named;
  for (std::size_t i = 0; named && i < transaction.branches.size(); ++i) {
    if (i != chosen.index) named = PrepareInNameOf(*transaction.branches[i].handle, chosen.last);
  }
  if (named) return named;
  for (std::size_t i = 0; i < transaction.branches.size(); ++i) {
    if (i != chosen.index)
      static_cast<void>(PrepareInNameOf(*transaction.branches[i].handle, std::nullopt));
  }
  return named;
}

// Certain to be an abort: only the handle that is fenced here could have committed the last
// resource.
Ending Withdraw(State& transaction, const std::string& why) {
  static_cast<void>(transaction.Abort(why, transaction.program().Brief()));
  return AbortedEnding(AbortCause::kRolledBack, why, true);
}

Ending NotGranted(State& transaction, const std::vector<BranchVote>& votes,
                  std::optional<Ending> ended) {
  FinishAll(transaction, votes, Decision::kAbort, true, Clock::now());
  transaction.RollBackHere("the transaction had ended", false);
  if (ended && ended->aborted()) return *std::move(ended);
  return AbortedEnding(AbortCause::kRolledBack,
                       "the coordinator gave no leave to commit" +
                           (ended ? ", it says " + std::string(ToString(ended->outcome)) +
                                        (ended->reason.empty() ? "" : ": " + ended->reason)
                                  : std::string()),
                       true);
}

FinishResult CommitLast(State& transaction, LocalBranch& last, const Evidence& evidence,
                        Instant until) {
  Participant& participant = transaction.participant();
  FinishResult result = CommitOnePhase(*last.handle);
  Backoff backoff;
  while (result.end == BranchEnd::kRetry && Clock::now() < until) {
    std::this_thread::sleep_for(backoff.Next());
    result = Prove(*last.resource, last.key, evidence);
  }
  if (result.end == BranchEnd::kRetry) {
    participant.Tell(last.key, event::OnePhaseGivenUp{});
  } else {
    participant.Tell(last.key, event::Finished{result}, Pace::kWithOthers);
  }
  return result;
}

// The last resource decides now. Where it does not say what it did, all others stay prepared: the
// coordinator has it proved, and tells them.
Ending CommitGranted(State& transaction, const Chosen& chosen, std::vector<BranchVote> votes,
                     const CommitOptions& options) {
  LocalBranch& last = transaction.branches[chosen.index];
  const Instant until = Clock::now() + transaction.program().WaitFor(options);
  if (!transaction.participant().Tell(last.key, event::ApplicationCommitsOnePhase{})) {
    return Withdraw(transaction, "the last resource's branch was rolled back meanwhile");
  }
  const FinishResult result = CommitLast(transaction, last, chosen.last.evidence, until);
  // Crash here: decided; the others are prepared in the name of whom to ask.
  SETTLE_FAILPOINT("client.last_committed");
  votes[chosen.index].result.vote = Vote::kReadOnly;  // it has nothing to be told any more
  switch (result.end) {
    case BranchEnd::kCommitted: break;
    case BranchEnd::kAborted:
      FinishAll(transaction, votes, Decision::kAbort, true, until);
      return AbortedEnding(AbortCause::kRolledBack,
                           last.resource->name() + " rolled it back: " + result.detail, true);
    case BranchEnd::kHazard:
    case BranchEnd::kRetry:
      return UnknownEnding(transaction.gtid, last.resource->name() +
                                                 ", its last resource, did not say whether it "
                                                 "committed: " +
                                                 result.detail);
  }
  const Ending committed{Outcome::kCommitted, AbortCause::kNone, {}, false};
  if (options.wait == Wait::kDecision) {
    for (const LocalBranch& branch : transaction.branches) {
      transaction.participant().Tell(branch.key, event::ApplicationHandsOver{Decision::kCommit});
    }
    return committed;
  }
  return SettledEnding(committed, FinishAll(transaction, votes, Decision::kCommit, true, until),
                       Scope::kWhole);
}

Ending CommitBy(State& transaction, const Chosen& chosen, const CommitOptions& options) {
  LocalBranch& last = transaction.branches[chosen.index];
  std::vector<BranchVote> votes = PrepareAll(transaction, chosen.index);
  const bool refused = std::any_of(votes.begin(), votes.end(), [](const BranchVote& vote) {
    return vote.result.vote == Vote::kNo;
  });
  if (refused) {
    transaction.participant().Tell(last.key, event::OnePhaseDeclined{});
    return Refuse(transaction, std::move(votes));
  }
  // Crash here: the others are prepared in the name of a branch whose database rolls it back.
  SETTLE_FAILPOINT("client.prepared");
  OnePhaseCall call{transaction.gtid, last.key.number, chosen.last.evidence};
  call.votes = votes;
  call.votes->erase(call.votes->begin() + static_cast<std::ptrdiff_t>(chosen.index));
  call.own = transaction.OwnBranches();
  Result<OnePhaseAnswer> answer = transaction.program().pool.Call<OnePhaseAnswer>(
      transaction.program().Long(),
      [&](Link& link, Instant by) { return link.CommitOnePhase(call, by); });
  if (!answer) {
    return Withdraw(transaction,
                    "the coordinator gave no leave to commit: " + Describe(answer.error()));
  }
  // Crash here: the leave is known to a coordinator that may crash as well; nothing is committed.
  SETTLE_FAILPOINT("client.decided");
  if (!answer->granted) return NotGranted(transaction, votes, std::move(answer->ending));
  return CommitGranted(transaction, chosen, std::move(votes), options);
}

}  // namespace

std::optional<Ending> CommitByLastResource(State& transaction, const CommitOptions& options) {
  std::string why_not = WhyNone(transaction);
  std::optional<Chosen> chosen;
  if (why_not.empty()) {
    chosen = Choose(transaction);
    if (!chosen) why_not = "none of its branches that wrote can decide for the others";
  }
  if (chosen) {
    if (Status named = NameInAll(transaction, *chosen); !named) {
      why_not = named.error().message;
      transaction.participant().Tell(transaction.branches[chosen->index].key,
                                     event::OnePhaseDeclined{});
    }
  }
  if (why_not.empty()) return CommitBy(transaction, *chosen, options);
  if (transaction.last_resource != UseLastResource::kAlways) return std::nullopt;
  const std::string reason = "it cannot be committed by a last resource: " + why_not;
  static_cast<void>(transaction.Abort(reason, transaction.program().Brief()));
  return AbortedEnding(AbortCause::kRequested, reason);
}

}  // namespace settle::sdk
