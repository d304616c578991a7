#include <algorithm>
#include <utility>

#include "client/commit.h"
#include "client/endings.h"
#include "participant/site_words.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
using State = GlobalTransaction::State;
using LocalBranch = State::LocalBranch;

// How long the coordinator is asked to wait at a time: between two questions it is looked whether
// the sites have decided without it.
constexpr milliseconds kAskFor{2'000};
constexpr milliseconds kReplyMargin{2'000};

// Of the branches of this process, the first that says how the transaction was decided: by its
// record, or because it never voted, without which nobody can commit.
std::optional<Ending> DecidedHere(State& transaction) {
  Participant& participant = transaction.participant();
  for (const LocalBranch& branch : transaction.branches) {
    const std::optional<FinishResult> end = participant.EndOf(branch.key);
    if (!end) continue;
    const auto record = participant.sites().Find(branch.key, branch.resource->name());
    if (record && *record && IsFinal((*record)->at.state)) {
      std::string words = DecisionWords((*record)->at, (*record)->sites);
      if ((*record)->at.state == SiteState::kAborted) {
        return AbortedEnding(AbortCause::kQuorum, std::move(words));
      }
      return Ending{Outcome::kCommitted, AbortCause::kNone, std::move(words), false};
    }
    // One that had voted, and was rolled back by a person, has a record of what was decided: as
    // long as that cannot be read nothing is known.
    const bool never_voted = record ? record->value_or(SiteRecord()).at.state == SiteState::kInitial
                                    : record.error().code == ErrorCode::kNotFound;
    if (never_voted && end->end == BranchEnd::kAborted) {
      return AbortedEnding(AbortCause::kRolledBack, end->detail);
    }
  }
  return std::nullopt;
}

Ending Applied(State& transaction, Ending decided, const CommitOptions& options, Instant until) {
  if (options.wait == Wait::kDecision) return decided;
  std::vector<BranchFate> fates;
  for (const LocalBranch& branch : transaction.branches) {
    fates.push_back({branch.key.number, branch.resource->name(),
                     transaction.participant().AwaitEnd(branch.key, until), "it goes on"});
  }
  return SettledEnding(std::move(decided), fates, Scope::kPart);
}

Result<CommitAnswer> Ask(State& transaction, const CommitOptions& options, milliseconds at_most) {
  const CommitCall call{transaction.gtid, {}, options.wait, at_most};
  return transaction.program().pool.Call<CommitAnswer>(
      {milliseconds(0), at_most + kReplyMargin},
      [&](Link& link, Instant by) { return link.Commit(call, by); });
}

bool IsNoAnswer(const Result<CommitAnswer>& answer) {
  if (!answer) return IsPassing(answer.error().code);
  return answer->ending.outcome == Outcome::kUndecided ||
         answer->ending.outcome == Outcome::kUnknown;
}

Ending AsAnswered(State& transaction, CommitAnswer answer, const CommitOptions& options,
                  Instant until) {
  Ending ending = Applied(transaction, std::move(answer.ending), options, until);
  NameUnfinished(transaction, answer.unfinished, ending);
  return ending;
}

}  // namespace

Ending CommitBySites(State& transaction, const CommitOptions& options) {
  if (Status left = transaction.LeaveBranches(); !left) {
    return transaction.Abort(left.error().message, transaction.program().Brief());
  }
  const Instant until = FromNow(transaction.program().WaitFor(options));
  Pacer pacer;
  for (;;) {
    const Instant asked = Clock::now();
    const auto left_over = std::chrono::ceil<milliseconds>(until - asked);
    const milliseconds wait = std::clamp(left_over, milliseconds(1), kAskFor);
    Result<CommitAnswer> answer = Ask(transaction, options, wait);
    SETTLE_FAILPOINT("client.decided");
    if (!IsNoAnswer(answer)) {
      if (!answer) return UnknownEnding(transaction.gtid, answer.error());
      return AsAnswered(transaction, *std::move(answer), options, until);
    }
    if (std::optional<Ending> decided = DecidedHere(transaction); decided && !answer) {
      decided->reason += "; the coordinator does not answer: " + Describe(answer.error());
      return Applied(transaction, *std::move(decided), options, until);
    }
    if (Clock::now() >= until) {
      if (!answer) return UnknownEnding(transaction.gtid, answer.error());
      const bool undecided = answer->ending.outcome == Outcome::kUndecided;
      return UnknownEnding(transaction.gtid,
                           undecided ? "it was not decided in the time allowed, and goes on"
                                     : answer->ending.reason);
    }
    pacer.Pause(asked, wait, until);
  }
}

}  // namespace settle::sdk
