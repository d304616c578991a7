// What a person decides instead of the protocol: durable before anything of it is done.
#include <algorithm>
#include <utility>

#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

bool IsTheSame(HeuristicIntent one, const HeuristicIntent& other) {
  one.at = other.at;
  return one == other;
}

}  // namespace

bool TwoPhase::IsForced() const {
  return !intents().empty() && intents().front().act != HeuristicAct::kVerdict;
}

// With its branches filled in; nothing if it may not be done.
std::optional<HeuristicIntent> TwoPhase::Completed(HeuristicIntent intent,
                                                   std::string& why_not) const {
  if (intent.act == HeuristicAct::kForce) {
    if (state_ != State::kQuorum && state_ != State::kLastResource) {
      why_not = "it is " + std::string(ToString(state_)) +
                ", and only what waits for a majority of its sites, or for its last resource, can "
                "be forced";
      return std::nullopt;
    }
    const Branch* last = state_ == State::kLastResource ? FindBranch(last_) : nullptr;
    if (last != nullptr && !last->session.empty()) {
      why_not = "the process that commits it by its last resource, branch " +
                std::to_string(last_) + " in " + last->resource + ", is at it";
      return std::nullopt;
    }
    intent.branches = Decided();
    return intent;
  }
  const BranchNumber number = intent.branches.empty() ? 0 : intent.branches.front().number;
  const auto branch = std::find_if(branches_.begin(), branches_.end(), [&](const Branch& one) {
    return one.number == number && one.state == BranchState::kHazard;
  });
  if (state_ != State::kDamaged || branch == branches_.end()) {
    why_not = "branch " + std::to_string(number) + " is not a hazard that a person has to clear up";
    return std::nullopt;
  }
  intent.branches = {{number, branch->resource, Vote::kCommit, branch->vote().evidence}};
  return intent;
}

Effects TwoPhase::On(const event::HeuristicRequested& event) {
  std::string why_not;
  const std::optional<HeuristicIntent> intent = Completed(event.intent, why_not);
  const auto is_it = [&](const HeuristicIntent& known) {
    HeuristicIntent asked = event.intent;
    asked.branches = known.branches;
    const bool same_branch = event.intent.branches.empty() ||
                             event.intent.branches.front().number == known.branches.front().number;
    return same_branch && IsTheSame(std::move(asked), known);
  };
  if (std::any_of(intents().begin(), intents().end(), is_it)) return {effect::HeuristicRecorded{}};
  if (records().intent_on_its_way && is_it(*records().intent_on_its_way)) return {};
  if (!intent) return {effect::Refuse{ErrorCode::kRefused, why_not}};
  if (records().intent_on_its_way || keeping_ || abort_on_its_way_) {
    return {effect::Refuse{ErrorCode::kRetry, "another record of it is on its way to the log"}};
  }
  records_.Change().intent_on_its_way = intent;
  Effects effects{effect::Persist{HeuristicIntentRecord{gtid_, origin_, *intent}}};
  if (SETTLE_PLANTED_BUG(kForcedBeforeItIsDurable)) Add(effects, OnIntentDurable());
  return effects;
}

// Crash before this: nothing was done, and whoever asked was told nothing. After: a start goes on.
Effects TwoPhase::OnIntentDurable() {
  const HeuristicIntent intent = *std::exchange(records_->intent_on_its_way, std::nullopt);
  Effects effects{effect::HeuristicRecorded{}};
  if (intent.act == HeuristicAct::kVerdict) {
    TakeIntent(intent);
    return effects;
  }
  records_.Change().intents.push_back(intent);
  GiveUpLastResource();
  Add(effects, intent.to == Decision::kCommit ? OnDecisionDurable()
                                              : Abort(AbortCause::kOperator, Words(intent), false));
  return effects;
}

Effects TwoPhase::OnIntentRefused(const std::string& why) {
  records_->intent_on_its_way.reset();
  Effects effects{effect::Refuse{ErrorCode::kRetry,
                                 "the log could not store it, so nothing of it was done: " + why}};
  if (state_ == State::kQuorum) Add(effects, GetOn());
  return effects;
}

void TwoPhase::TakeIntent(const HeuristicIntent& intent) {
  records_.Change().intents.push_back(intent);
  if (intent.act == HeuristicAct::kVerdict) {
    ApplyVerdict(intent);
  } else {
    ApplyForce(intent);
  }
  if (state_ == State::kDamaged) ending_ = DamagedEnding();
}

// The record of the hazard stays as it is; this one says what became of it.
void TwoPhase::ApplyVerdict(const HeuristicIntent& intent) {
  Branch* branch = Find(intent.branches.front().number);
  for (HeuristicRecord& heuristic : records_->heuristics) {
    if (branch == nullptr || heuristic.branch != branch->number) continue;
    const bool committed = intent.to == Decision::kCommit;
    heuristic.end = committed ? BranchEnd::kCommitted : BranchEnd::kAborted;
    heuristic.detail += "; " + Words(intent);
    branch->state = committed ? BranchState::kCommitted : BranchState::kAborted;
    branch->last_error = heuristic.detail;
  }
}

void TwoPhase::ApplyForce(const HeuristicIntent& intent) {
  const bool commits = intent.to == Decision::kCommit;
  GiveUpLastResource();
  decision_ = intent.to;
  state_ = commits ? State::kCommitting : State::kAborting;
  ending_ = {Outcome::kCommitted, AbortCause::kNone, "", false};
  if (!commits) ending_ = {Outcome::kAborted, AbortCause::kOperator, Words(intent), false};
  for (Branch& branch : branches_) {
    if (branch.state != BranchState::kPrepared) continue;
    branch.state = commits ? BranchState::kCommitting : BranchState::kAborting;
  }
}

}  // namespace settle::coordinator
