#include "client/commit.h"

#include <algorithm>
#include <utility>

#include "client/endings.h"
#include "participant/resource_calls.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
using State = GlobalTransaction::State;
using LocalBranch = State::LocalBranch;

// On top of what the coordinator was told to wait.
constexpr milliseconds kReplyMargin{5'000};

std::string Name(const LocalBranch& branch) {
  return "branch " + std::to_string(branch.key.number) + " in " + branch.resource->name();
}

bool IsNo(const BranchVote& vote) { return vote.result.vote == Vote::kNo; }

VoteResult DeadVote(Participant& participant, const LocalBranch& branch) {
  std::string why = branch.failed;
  if (why.empty()) {
    const std::optional<FinishResult> end = participant.EndOf(branch.key);
    why = end && !end->detail.empty() ? end->detail : "it was rolled back meanwhile";
  }
  return {Vote::kNo, {}, why, false};
}

Ending CarryOutCommit(State& transaction, const std::vector<BranchVote>& votes, CommitAnswer answer,
                      const CommitOptions& options, Instant until) {
  const Scope scope = answer.finish_here ? Scope::kWhole : Scope::kPart;
  if (options.wait == Wait::kDecision) {
    // Those that live elsewhere too are commanded by the coordinator.
    for (const LocalBranch& branch : transaction.branches) {
      if (!answer.finish_here) break;
      transaction.participant().Tell(branch.key, event::ApplicationHandsOver{Decision::kCommit});
    }
    return std::move(answer.ending);
  }
  // Where others have branches too, somebody may wait until all are applied.
  const Pace pace = answer.finish_here ? Pace::kWithOthers : Pace::kAtOnce;
  const std::vector<BranchFate> fates =
      FinishAll(transaction, votes, Decision::kCommit, true, until, pace);
  Ending ending = SettledEnding(std::move(answer.ending), fates, scope);
  NameUnfinished(transaction, answer.unfinished, ending);
  return ending;
}

// Damaged: that does not say whether it was decided to commit or to abort, and only the
// coordinator knows. It commands what is prepared here, by way of the session.
Ending LeftToTheCoordinator(State& transaction, const std::vector<BranchVote>& votes,
                            CommitAnswer answer, const CommitOptions& options, Instant until) {
  for (const BranchVote& vote : votes) {
    if (options.wait == Wait::kDecision || vote.result.vote != Vote::kCommit) continue;
    (void)transaction.participant().AwaitEnd({transaction.gtid, vote.branch}, until);
  }
  NameUnfinished(transaction, answer.unfinished, answer.ending);
  return std::move(answer.ending);
}

bool IsRefusal(ErrorCode code) {
  return code == ErrorCode::kInvalid || code == ErrorCode::kRefused || code == ErrorCode::kDenied;
}

// The request was refused, and the transaction stays as it was. An earlier copy of it may have been
// heard all the same, so the answer to an abort says what is so.
Ending AbortRefused(State& transaction, const std::vector<BranchVote>& votes, const Error& why,
                    Instant until) {
  const AbortCall call{transaction.gtid, "its commit was refused: " + Describe(why), {}};
  Result<Ending> told = transaction.program().pool.Call<Ending>(
      transaction.program().Brief(), [&](Link& link, Instant by) { return link.Abort(call, by); });
  if (!told || !told->aborted()) return UnknownEnding(transaction.gtid, why);
  return SettledEnding(*std::move(told),
                       FinishAll(transaction, votes, Decision::kAbort, true, until), Scope::kPart);
}

}  // namespace

std::vector<BranchVote> PrepareAll(State& transaction, std::optional<std::size_t> last) {
  Participant& participant = transaction.participant();
  const std::size_t count = transaction.branches.size();
  std::vector<std::optional<Prepare>> under_way(count);
  for (std::size_t i = 0; i < count; ++i) {
    LocalBranch& branch = transaction.branches[i];
    if (i == last) continue;
    if (branch.handle == nullptr || !participant.Tell(branch.key, event::ApplicationPrepares{})) {
      continue;
    }
    under_way[i].emplace(*branch.handle, *branch.resource, branch.key);
  }
  std::vector<BranchVote> votes;
  for (std::size_t i = 0; i < count; ++i) {
    const LocalBranch& branch = transaction.branches[i];
    BranchVote vote{branch.key.number, {}};
    if (i == last) {
      vote.result.vote = Vote::kCommit;
      votes.push_back(std::move(vote));
      continue;
    }
    if (under_way[i]) {
      vote.result = under_way[i]->Await();
      participant.Tell(branch.key, event::Voted{vote.result});
    }
    // Prepared, but the coordinator had it aborted meanwhile: it is being rolled back.
    const bool lost = vote.result.vote == Vote::kCommit &&
                      participant.StateOf(branch.key) != BranchState::kPrepared;
    if (!under_way[i] || lost) vote.result = DeadVote(participant, branch);
    votes.push_back(std::move(vote));
  }
  return votes;
}

std::vector<BranchFate> FinishAll(State& transaction, const std::vector<BranchVote>& votes,
                                  Decision decision, bool tell, Instant until, Pace pace) {
  Participant& participant = transaction.participant();
  const std::size_t count = transaction.branches.size();
  std::vector<std::optional<Finish>> under_way(count);
  std::vector<BranchFate> fates;
  for (std::size_t i = 0; i < count; ++i) {
    LocalBranch& branch = transaction.branches[i];
    if (votes[i].result.vote != Vote::kCommit) continue;
    if (!participant.Tell(branch.key, event::ApplicationFinishes{decision, tell})) continue;
    under_way[i].emplace(*branch.handle, decision);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (votes[i].result.vote != Vote::kCommit) continue;
    LocalBranch& branch = transaction.branches[i];
    BranchFate fate{branch.key.number, branch.resource->name(), std::nullopt,
                    "another thread is at it"};
    if (under_way[i]) {
      const FinishResult result = under_way[i]->Await();
      participant.Tell(branch.key, event::Finished{result}, pace);
      // Crash here: decided, one branch finished, the others are finished by the next session of
      // their names.
      SETTLE_FAILPOINT("client.finished_one");
      fate.trouble = result.detail;
    }
    fates.push_back(std::move(fate));
  }
  for (BranchFate& fate : fates) {
    fate.end = participant.AwaitEnd({transaction.gtid, fate.number}, until);
  }
  return fates;
}

void NameUnfinished(State& transaction, const std::vector<BranchNumber>& unfinished,
                    Ending& ending) {
  std::string others;
  for (const BranchNumber number : unfinished) {
    const bool ours =
        std::any_of(transaction.branches.begin(), transaction.branches.end(),
                    [&](const LocalBranch& branch) { return branch.key.number == number; });
    if (!ours) others += (others.empty() ? "branch " : ", branch ") + std::to_string(number);
  }
  if (others.empty()) return;
  if (ending.reason.empty()) ending.reason = ToString(ending.outcome);
  ending.reason += "; in other processes " + others + " not applied yet";
}

Ending CommitTransaction(State& transaction, const CommitOptions& options) {
  // Crash here: nothing was prepared, every database rolls back when it misses its connection.
  SETTLE_FAILPOINT("client.before_prepare");
  const bool alone =
      transaction.branches.size() == 1 && !transaction.context_given && !transaction.tried;
  if (alone) {
    if (std::optional<Ending> ending = CommitInOnePhase(transaction, options)) {
      return *std::move(ending);
    }
  }
  if (transaction.protocol == Protocol::kThreePhase) return CommitBySites(transaction, options);
  if (transaction.last_resource != UseLastResource::kNever) {
    if (std::optional<Ending> ending = CommitByLastResource(transaction, options)) {
      return *std::move(ending);
    }
  }
  std::vector<BranchVote> votes = PrepareAll(transaction);
  if (std::any_of(votes.begin(), votes.end(), IsNo)) return Refuse(transaction, std::move(votes));
  return Decide(transaction, std::move(votes), options);
}

Ending Decide(State& transaction, std::vector<BranchVote> votes, const CommitOptions& options) {
  Program& program = transaction.program();
  const milliseconds wait = program.WaitFor(options);
  const Instant until = Clock::now() + wait;
  // Crash here: prepared and nobody decided. The coordinator aborts when its session is lost; a
  // scan finds them.
  SETTLE_FAILPOINT("client.prepared");
  const CommitCall call{transaction.gtid, votes, options.wait, options.wait_at_most,
                        transaction.OwnBranches()};
  Result<CommitAnswer> answer = program.pool.Call<CommitAnswer>(
      program.Long(wait + kReplyMargin),
      [&](Link& link, Instant by) { return link.Commit(call, by); });
  if (!answer && IsRefusal(answer.error().code))
    return AbortRefused(transaction, votes, answer.error(), until);
  // No answer is not an abort: whatever was decided reaches the prepared branches by way of the
  // session.
  if (!answer) return UnknownEnding(transaction.gtid, answer.error());
  // Crash here: decided and durable; the coordinator commands the branches in the next session of
  // their names.
  SETTLE_FAILPOINT("client.decided");
  switch (answer->ending.outcome) {
    case Outcome::kCommitted:
      return CarryOutCommit(transaction, votes, *std::move(answer), options, until);
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit:
      return LeftToTheCoordinator(transaction, votes, *std::move(answer), options, until);
    case Outcome::kAborted:
      return SettledEnding(std::move(answer->ending),
                           FinishAll(transaction, votes, Decision::kAbort, true, until),
                           Scope::kPart);
    case Outcome::kUndecided:
      return UnknownEnding(transaction.gtid, "it was not decided in the time allowed, and goes on");
    case Outcome::kExpired: return std::move(answer->ending);
    case Outcome::kUnknown: return UnknownEnding(transaction.gtid, answer->ending.reason);
  }
  return UnknownEnding(transaction.gtid, "the coordinator's answer makes no sense");
}

Ending Refuse(State& transaction, std::vector<BranchVote> votes) {
  Program& program = transaction.program();
  const auto refusal = std::find_if(votes.begin(), votes.end(), IsNo);
  const LocalBranch& refuser =
      transaction.branches[static_cast<std::size_t>(refusal - votes.begin())];
  const VoteResult no = refusal->result;
  const std::string reason = Name(refuser) + " voted no: " + no.reason;
  // A no-vote has only one end, so the others need not wait for the coordinator.
  FinishAll(transaction, votes, Decision::kAbort, false, Clock::now());
  transaction.RollBackHere(reason, false);
  for (BranchVote& vote : votes) {
    const auto end = transaction.participant().EndOf({transaction.gtid, vote.branch});
    const bool rolled_back = end && end->end == BranchEnd::kAborted;
    if (vote.result.vote != Vote::kCommit || !rolled_back) continue;
    vote.result = {Vote::kNo, {}, "rolled back because " + reason, no.retryable};
  }
  // The cause goes first: it is what is remembered.
  std::rotate(votes.begin(), refusal, refusal + 1);
  const CommitCall call{transaction.gtid, votes, Wait::kDecision, milliseconds(0),
                        transaction.OwnBranches()};
  Result<CommitAnswer> answer = program.pool.Call<CommitAnswer>(
      program.Brief(), [&](Link& link, Instant by) { return link.Commit(call, by); });
  if (!answer) {
    return AbortedEnding(AbortCause::kVotedNo,
                         reason + "; the coordinator was not told: " + Describe(answer.error()),
                         no.retryable);
  }
  if (answer->ending.outcome == Outcome::kAborted) {
    if (answer->ending.reason.empty()) answer->ending.reason = reason;
    return answer->ending;
  }
  if (answer->ending.committed()) {
    return {Outcome::kMixed, AbortCause::kNone, "the coordinator says committed, but " + reason,
            false};
  }
  return AbortedEnding(AbortCause::kVotedNo, reason, no.retryable);
}

}  // namespace settle::sdk
