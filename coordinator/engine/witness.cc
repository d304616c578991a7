#include "engine/witness.h"

namespace settle::coordinator {

Result<SiteAnswer> FinalAnswer(const TransactionSummary& summary) {
  const Ending& ending = summary.ending;
  const bool plain = ending.committed() || ending.aborted();
  const bool contradicts = ending.outcome == Outcome::kUndecided ||
                           ending.outcome == Outcome::kUnknown || summary.state == "quarantined";
  if (contradicts || (!plain && !summary.quorum)) {
    return Fail(ErrorCode::kRefused,
                "transaction " + summary.gtid.text() + " is " + summary.state + " as " +
                    settle::ToString(ending.outcome) + ": that is neither a commit nor an abort",
                "see 'settle show " + summary.gtid.text() + "'");
  }
  // What branches became against the decision does not change the decision.
  const bool committed = ending.cause == AbortCause::kNone;
  SiteAnswer answer{committed ? SiteState::kCommitted : SiteState::kAborted, kFirstBallot, {}, {}};
  if (summary.quorum) answer.decided = summary.quorum->by;
  return answer;
}

}  // namespace settle::coordinator
