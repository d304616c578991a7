// Reservations: branches that try, confirm and cancel in a service. docs/tcc.md.
#include <algorithm>
#include <utility>

#include "protocol/describe.h"
#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

using BranchState = TwoPhase::BranchState;
using Waits = TwoPhase::Reservation::Waits;

// After so many calls in a row without a result somebody is told.
constexpr int kAlarmAfter = 5;

// A participant that says "ask again at once" must not make a hot loop, one that says "next year"
// must not be forgotten.
constexpr std::int64_t kPollMinMs = 100;
constexpr std::int64_t kPollMaxMs = 86'400'000;

// What is called at present, if anything is.
std::optional<ActionOp> OpOf(const TwoPhase::Branch& branch) {
  if (!branch.reservation) return std::nullopt;
  if (branch.state == BranchState::kTrying) return ActionOp::kTry;
  if (branch.state == BranchState::kCommitting) return ActionOp::kConfirm;
  if (branch.state == BranchState::kAborting) return ActionOp::kCancel;
  return std::nullopt;
}

bool IsSame(const TwoPhase::Branch& branch, const event::TryRequested& event) {
  return branch.resource == event.participant && branch.reservation->action == event.action &&
         branch.reservation->input == event.input;
}

// Of the newest call: an older one's says nothing of it, and no answer counts twice.
bool IsAwaited(const TwoPhase::Branch& branch, const event::Answered& event) {
  return event.attempt == branch.attempts && branch.reservation->waits == Waits::kForAnswer;
}

// "Ongoing" is worth hearing after the time-out too.
Effects Poll(TwoPhase::Branch& branch, const event::Answered& event) {
  TwoPhase::Reservation& reservation = *branch.reservation;
  if (event.attempt != branch.attempts || reservation.waits == Waits::kPoll) return {};
  reservation.fruitless = 0;
  reservation.alarmed = false;
  reservation.waits = Waits::kPoll;
  branch.last_error.clear();
  return {effect::Pause{branch.number, 0,
                        std::clamp(event.answer.poll_after_ms, kPollMinMs, kPollMaxMs)}};
}

}  // namespace

bool TwoPhase::has_reservations() const {
  return std::any_of(branches_.begin(), branches_.end(),
                     [](const Branch& branch) { return branch.reservation.has_value(); });
}

Effects TwoPhase::On(const event::TryRequested& event) {
  const auto same = std::find_if(branches_.begin(), branches_.end(), [&](const Branch& branch) {
    return branch.reservation && branch.request_key == event.request_key;
  });
  if (same != branches_.end()) {
    if (!IsSame(*same, event)) {
      return {effect::Refuse{ErrorCode::kInvalid,
                             "this request key already tried another thing, "
                             "as branch " +
                                 std::to_string(same->number) + " in " + same->resource}};
    }
    if (same->voted) return {effect::TryAccepted{same->number}, effect::TryAnswered{same->number}};
    const bool may_come = state_ == State::kActive || state_ == State::kPreparing;
    if (may_come) return {effect::TryAccepted{same->number}};
  }
  if (protocol_ == Protocol::kThreePhase) {
    return {effect::Refuse{ErrorCode::kRefused,
                           "a three-phase commit has no reservations: a service that confirms and "
                           "cancels is no site of it; begin a two-phase transaction"}};
  }
  if (Effects refused = RefuseToJoin(); !refused.empty()) return refused;
  Branch branch;
  branch.number = NextNumber();
  branch.resource = event.participant;
  branch.request_key = event.request_key;
  branch.state = BranchState::kRegistering;
  branch.reservation = Reservation{.action = event.action, .input = event.input};
  branches_.push_back(std::move(branch));
  const BranchNumber number = branches_.back().number;
  records_.Change().registering.push_back(number);
  Effects effects{effect::TryAccepted{number},
                  effect::Persist{RegisteredRecord{gtid_, origin_, number, event.participant,
                                                   event.action, event.input, 0}}};
  if (SETTLE_PLANTED_BUG(kTriedBeforeItsRecord))
    Add(effects, Turn(branches_.back(), BranchState::kTrying));
  return effects;
}

// Crash here: the record says that somebody must cancel it, and a start does.
Effects TwoPhase::OnRegistered() {
  Branch& branch = *Find(records_->registering.front());
  records_->registering.erase(records_->registering.begin());
  if (branch.state != BranchState::kRegistering) return {};  // aborted meanwhile: never called
  return Turn(branch, BranchState::kTrying);
}

Effects TwoPhase::OnRegistrationRefused(const std::string& why) {
  Branch& branch = *Find(records_->registering.front());
  records_->registering.erase(records_->registering.begin());
  if (branch.state != BranchState::kRegistering) return {};
  TakeVote(branch, {Vote::kNo, {}, "the log could not store that it is tried: " + why, true});
  Effects effects{effect::TryAnswered{branch.number}};
  if (state_ == State::kPreparing) Add(effects, DecideIfAllVoted());
  return effects;
}

Effects TwoPhase::Turn(Branch& branch, BranchState state) {
  branch.state = state;
  branch.attempts = 0;
  branch.reservation->fruitless = 0;
  branch.reservation->alarmed = false;
  return Call(branch);
}

Effects TwoPhase::Rest(Branch& branch, BranchState state) {
  branch.state = state;
  branch.reservation->alarmed = false;
  const bool waited =
      std::exchange(branch.reservation->waits, Waits::kForNothing) != Waits::kForNothing;
  return waited ? Effects{effect::StopCall{branch.number}} : Effects{};
}

Effects TwoPhase::Call(Branch& branch) {
  Reservation& reservation = *branch.reservation;
  const ActionOp op = OpOf(branch).value();
  SETTLE_ASSERT(op != ActionOp::kTry || records().registering.empty() ||
                    records().registering.front() > branch.number ||
                    SETTLE_PLANTED_BUG(kTriedBeforeItsRecord),
                Describe(*this));
  SETTLE_ASSERT(op != ActionOp::kConfirm || decision_ == Decision::kCommit, Describe(*this));
  SETTLE_ASSERT(op != ActionOp::kCancel ||
                    (decision_ == Decision::kAbort && ending_.outcome != Outcome::kUndecided),
                Describe(*this));
  reservation.maybe_called = true;
  reservation.waits = Waits::kForAnswer;
  return {effect::Call{op, branch.number, branch.resource, reservation.action, ++branch.attempts,
                       reservation.input, op == ActionOp::kTry ? "" : reservation.result}};
}

Effects TwoPhase::CallOutstanding(const std::function<bool(const Branch&)>& wanted) {
  Effects effects;
  for (Branch& branch : branches_) {
    if (OpOf(branch) && wanted(branch)) Add(effects, Call(branch));
  }
  return effects;
}

Effects TwoPhase::On(const event::Answered& event) {
  Branch* branch = Find(event.branch);
  if (SETTLE_PLANTED_BUG(kAnswerOfTheTryCountsForItsCancel) && branch != nullptr &&
      event.op == ActionOp::kTry && OpOf(*branch) == ActionOp::kCancel) {
    return AnsweredFinish(*branch, event);
  }
  if (branch == nullptr || OpOf(*branch) != event.op) return {};
  return event.op == ActionOp::kTry ? AnsweredTry(*branch, event) : AnsweredFinish(*branch, event);
}

Effects TwoPhase::AnsweredTry(Branch& branch, const event::Answered& event) {
  const Answer& answer = event.answer;
  switch (answer.kind) {
    case AnswerKind::kOngoing: return Poll(branch, event);
    case AnswerKind::kUnknown:
      return IsAwaited(branch, event) ? Fruitless(branch, answer.text) : Effects{};
    case AnswerKind::kDone:
      branch.reservation->result = answer.text.empty() ? "null" : answer.text;
      branch.last_error.clear();
      TakeVote(branch, {Vote::kCommit, {}, "", false});
      break;
    case AnswerKind::kFailed:
    case AnswerKind::kSuppressed: TakeVote(branch, {Vote::kNo, {}, answer.text, false}); break;
  }
  Effects effects = Rest(branch, branch.state);
  effects.push_back(effect::TryAnswered{branch.number});
  if (state_ == State::kPreparing) Add(effects, DecideIfAllVoted());
  return effects;
}

// Neither confirm nor cancel can fail: whatever else is answered, it is called again, and never
// turned into the other.
Effects TwoPhase::AnsweredFinish(Branch& branch, const event::Answered& event) {
  switch (event.answer.kind) {
    case AnswerKind::kOngoing: return Poll(branch, event);
    case AnswerKind::kUnknown:
      return IsAwaited(branch, event) ? Fruitless(branch, event.answer.text) : Effects{};
    case AnswerKind::kFailed:
    case AnswerKind::kSuppressed:
      if (SETTLE_PLANTED_BUG(kRefusedConfirmTakenForDone)) break;
      return IsAwaited(branch, event) ? Stuck(branch, event.answer.text) : Effects{};
    case AnswerKind::kDone: break;
  }
  branch.last_error.clear();
  Effects effects = Rest(branch, branch.state == BranchState::kCommitting ? BranchState::kCommitted
                                                                          : BranchState::kAborted);
  Add(effects, EndIfAllFinished());
  return effects;
}

Effects TwoPhase::Fruitless(Branch& branch, const std::string& why) {
  if (branch.reservation->fruitless + 1 >= kAlarmAfter) return Stuck(branch, why);
  branch.last_error = why;
  return BackOff(branch);
}

// A try that does not get on is no matter for a person: the deadline ends it.
Effects TwoPhase::Stuck(Branch& branch, const std::string& why) {
  branch.last_error = why;
  Effects effects;
  const ActionOp op = OpOf(branch).value();
  if (op != ActionOp::kTry && !std::exchange(branch.reservation->alarmed, true)) {
    effects.push_back(effect::Alarm{
        branch.number, std::string(settle::ToString(op)) + " of branch " +
                           std::to_string(branch.number) + " in " + branch.resource +
                           " does not get on: " + why + "; it is called again and again"});
  }
  Add(effects, BackOff(branch));
  return effects;
}

Effects TwoPhase::BackOff(Branch& branch) {
  branch.reservation->waits = Waits::kBackOff;
  return {effect::Pause{branch.number, ++branch.reservation->fruitless, 0}};
}

Effects TwoPhase::On(const event::CallTimerFired& event) {
  Branch* branch = Find(event.branch);
  if (branch == nullptr || !OpOf(*branch)) return {};
  switch (branch->reservation->waits) {
    case Waits::kForNothing: return {};
    case Waits::kForAnswer:
      return Fruitless(*branch,
                       event.unserved ? NobodyServes(branch->resource) : "no answer came in time");
    case Waits::kBackOff:
    case Waits::kPoll: return Call(*branch);
  }
  return {};
}

Effects TwoPhase::On(const event::ParticipantReady& event) {
  return CallOutstanding([&](const Branch& branch) {
    return branch.resource == event.participant && branch.reservation->waits != Waits::kPoll;
  });
}

Effects TwoPhase::On(const event::SkipRequested& event) {
  Branch* branch = Find(event.branch);
  if (branch == nullptr || !branch->reservation) {
    return {effect::Refuse{ErrorCode::kInvalid,
                           "branch " + std::to_string(event.branch) +
                               " is no reservation: only a confirm or cancel can be skipped"}};
  }
  if (!IsUnfinished(*branch)) {
    return {effect::Refuse{ErrorCode::kRefused,
                           "branch " + std::to_string(event.branch) + " is " + StateOf(*branch) +
                               ": only a confirm or cancel that is waited for can be skipped"}};
  }
  const std::string op = settle::ToString(OpOf(*branch).value());
  const std::string last = branch->last_error.empty() ? "" : "; last: " + branch->last_error;
  Effects effects = Rest(*branch, branch->state);
  Add(effects, RecordHeuristic(*branch, {BranchEnd::kHazard, "its " + op + " was skipped by " +
                                                                 event.operator_name + ": " +
                                                                 event.reason + last}));
  return effects;
}

// Damage is durable. Of a reservation it is there because an operator skipped it.
Effects TwoPhase::OnRecorded() {
  Effects effects;
  if (!records().recording.empty()) {
    const Branch& branch = *Find(records_->recording.front());
    records_->recording.erase(records_->recording.begin());
    if (branch.reservation) effects.push_back(effect::Skipped{branch.number});
  }
  Add(effects, EndIfAllFinished());
  return effects;
}

}  // namespace settle::coordinator
