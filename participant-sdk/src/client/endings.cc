#include "client/endings.h"

#include <utility>

namespace settle::sdk {
namespace {

std::string Name(const BranchFate& fate) {
  return "branch " + std::to_string(fate.number) + " in " + fate.resource;
}

void AddLine(std::string& text, const std::string& line) {
  if (!text.empty()) text += "; ";
  text += line;
}

std::string WithDetail(std::string text, const std::string& detail) {
  return detail.empty() ? text : text + ": " + detail;
}

Outcome OutcomeOfDamagedCommit(std::size_t rolled_back, bool all) {
  if (rolled_back == 0) return Outcome::kHazard;
  return all ? Outcome::kHeuristicRollback : Outcome::kMixed;
}

Outcome OutcomeOfDamagedAbort(std::size_t committed, bool some_rolled_back) {
  if (committed == 0) return Outcome::kHazard;
  return some_rolled_back ? Outcome::kMixed : Outcome::kHeuristicCommit;
}

}  // namespace

Ending SettledEnding(Ending decided, const std::vector<BranchFate>& fates, Scope scope) {
  const bool commit = decided.outcome == Outcome::kCommitted;
  // A damaged transaction is described by the coordinator, which knows all of its branches.
  if (!commit && decided.outcome != Outcome::kAborted) return decided;
  const BranchEnd wanted = commit ? BranchEnd::kCommitted : BranchEnd::kAborted;
  std::size_t agreed = 0;
  std::size_t contradicted = 0;
  std::string damage;
  std::string pending;
  for (const BranchFate& fate : fates) {
    if (!fate.end || fate.end->end == BranchEnd::kRetry) {
      const std::string& why = fate.end ? fate.end->detail : fate.trouble;
      AddLine(pending, WithDetail(Name(fate) + " not applied yet", why));
    } else if (fate.end->end == wanted) {
      ++agreed;
    } else if (fate.end->end == BranchEnd::kHazard) {
      const std::string what = Name(fate) + " is gone without proof of what became of it";
      AddLine(damage, WithDetail(what, fate.end->detail));
    } else {
      ++contradicted;
      const std::string what = commit ? " was rolled back by someone else"
          : " was committed by someone else";
      AddLine(damage, WithDetail(Name(fate) + what, fate.end->detail));
    }
  }
  if (!damage.empty()) {
    const bool all = contradicted == fates.size() && scope == Scope::kWhole;
    decided.outcome = commit ? OutcomeOfDamagedCommit(contradicted, all)
                             : OutcomeOfDamagedAbort(contradicted, agreed > 0);
    AddLine(decided.reason,
            std::string("decided to ") + (commit ? "commit" : "abort") + ", but " + damage);
  } else if (!pending.empty()) {
    AddLine(decided.reason, commit ? "committed" : "aborted");
  }
  if (!pending.empty()) AddLine(decided.reason, pending);
  return decided;
}

Ending UnknownEnding(const Gtid& gtid, const std::string& why) {
  return {Outcome::kUnknown, AbortCause::kNone,
          "whether " + gtid.text() + " was committed is not known: " + why +
              "; ask AskOutcome(gtid) later, do not do the work again",
          false};
}

Ending UnknownEnding(const Gtid& gtid, const Error& why) {
  if (why.code != ErrorCode::kExpired) return UnknownEnding(gtid, Describe(why));
  return {Outcome::kExpired, AbortCause::kNone, Describe(why), false};
}

Ending AbortedEnding(AbortCause cause, std::string reason, bool retryable) {
  return {Outcome::kAborted, cause, std::move(reason), retryable};
}

}  // namespace settle::sdk
