// What ended otherwise than decided, or without proof: recorded, shown, and kept until a person has
// repaired it.
#include <algorithm>
#include <utility>

#include "protocol/two_phase.h"

namespace settle::coordinator {
namespace {

// Details of further branches are left out of an ending's reason: each stays with its branch.
constexpr std::size_t kReasonBytesEnough = 8 * 1024;

}  // namespace

Effects TwoPhase::RecordHeuristic(Branch& branch, const FinishResult& result) {
  switch (result.end) {
    case BranchEnd::kCommitted: branch.state = BranchState::kCommitted; break;
    case BranchEnd::kAborted: branch.state = BranchState::kAborted; break;
    case BranchEnd::kHazard:
    case BranchEnd::kRetry: branch.state = BranchState::kHazard; break;
  }
  branch.last_error = result.detail;
  HeuristicRecord record{
      gtid_, branch.number, result.end,
      "branch " + std::to_string(branch.number) + " in " + branch.resource + ": " + result.detail,
      0};
  records_.Change().heuristics.push_back(record);
  if (DecidedUnrecorded()) {  // damage is read against a decision, so that comes first
    records_->unrecorded.push_back(branch.number);
    return RecordDecision();
  }
  records_->recording.push_back(branch.number);  // the end is told only once this is durable
  return {effect::Persist{std::move(record)}};
}

Effects TwoPhase::RecordUnrecorded() {
  const std::vector<BranchNumber> unrecorded = records().unrecorded;
  if (!unrecorded.empty()) records_->unrecorded.clear();
  Effects effects;
  for (const BranchNumber number : unrecorded) {
    const auto known = std::ranges::find(records_->heuristics, number, &HeuristicRecord::branch);
    records_->recording.push_back(number);
    effects.push_back(effect::Persist{*known});
  }
  return effects;
}

void TwoPhase::TakeHeuristics(const std::vector<HeuristicRecord>& heuristics) {
  if (heuristics.empty()) return;
  records_.Change().heuristics = heuristics;
  for (const HeuristicRecord& heuristic : heuristics) {
    Branch* branch = Find(heuristic.branch);
    if (branch == nullptr) continue;
    branch->last_error = heuristic.detail;
    switch (heuristic.end) {
      case BranchEnd::kCommitted: branch->state = BranchState::kCommitted; break;
      case BranchEnd::kAborted: branch->state = BranchState::kAborted; break;
      case BranchEnd::kHazard:
      case BranchEnd::kRetry: branch->state = BranchState::kHazard; break;
    }
  }
}

Ending TwoPhase::DamagedEnding() const {
  bool hazard = false;
  std::string reason;
  if (IsForced()) reason = Words(records().intents.front());
  for (const HeuristicRecord& heuristic : records().heuristics) {
    hazard = hazard || heuristic.end == BranchEnd::kHazard;
    if (reason.size() > kReasonBytesEnough) continue;
    reason += (reason.empty() ? "" : "; ") + heuristic.detail;
  }
  if (hazard) return {Outcome::kHazard, ending_.cause, reason, false};
  const bool some_committed =
      std::any_of(branches_.begin(), branches_.end(),
                  [](const Branch& branch) { return branch.state == BranchState::kCommitted; });
  const bool some_aborted =
      std::any_of(branches_.begin(), branches_.end(), [](const Branch& branch) {
        return branch.state == BranchState::kAborted || branch.state == BranchState::kRefused;
      });
  if (some_committed && some_aborted) return {Outcome::kMixed, ending_.cause, reason, false};
  // Of a one-phase commit its resource decided, however that became known.
  const bool one_phase = decision_ == Decision::kAbort && ending_.cause == AbortCause::kNone;
  if (one_phase && some_aborted) return {Outcome::kAborted, AbortCause::kRolledBack, reason, false};
  if (some_committed && (one_phase || decision_ == Decision::kCommit))
    return {Outcome::kCommitted, ending_.cause, reason, false};
  if (!some_committed && decision_ == Decision::kAbort)
    return {Outcome::kAborted, ending_.cause, reason, false};
  return {some_committed ? Outcome::kHeuristicCommit : Outcome::kHeuristicRollback, ending_.cause,
          reason, false};
}

Effects TwoPhase::On(const event::ForgetRequested& event) {
  switch (state_) {
    case State::kDamaged:
      if (records().intent_on_its_way) {
        return {effect::Refuse{ErrorCode::kRetry, "what operator " +
                                                      records().intent_on_its_way->operator_name +
                                                      " says of it is on its way to the log"}};
      }
      state_ = State::kForgetting;  // whoever asked is told when this is durable, and not before
      records_.Change().forget = {gtid_, ending_, event.operator_name, event.reason, 0};
      return {effect::Persist{records().forget}};
    case State::kForgetting:
      if (records().forget.operator_name == event.operator_name &&
          records().forget.reason == event.reason)
        return {};
      return {effect::Refuse{ErrorCode::kRefused,
                             "operator " + records().forget.operator_name +
                                 " is forgetting it at this moment: " + records().forget.reason}};
    case State::kActive:
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kDelegating:
    case State::kOnePhase:
    case State::kLastResource:
    case State::kCommitting:
    case State::kAborting:
    case State::kDone:
      return {
          effect::Refuse{ErrorCode::kRefused, "it is " + std::string(ToString(state_)) +
                                                  ", and only what is damaged can be forgotten"}};
  }
  return {};
}

Effects TwoPhase::Forgotten(const ForgetRecord& record) {
  state_ = State::kDone;
  ending_ = record.ending;
  ending_.reason =
      ForgottenBy(record.operator_name, record.reason) + "; damage: " + record.ending.reason;
  return {effect::Forget{}};
}

}  // namespace settle::coordinator
