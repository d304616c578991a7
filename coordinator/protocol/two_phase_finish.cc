// After the decision: telling the branches until all have ended; one-phase commit.
#include <algorithm>
#include <utility>

#include "protocol/describe.h"
#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
std::vector<BranchNumber> TwoPhase::Unfinished() const {
  std::vector<BranchNumber> unfinished;
  for (const Branch& branch : branches_) {
    if (IsUnfinished(branch)) unfinished.push_back(branch.number);
  }
  return unfinished;
}

std::vector<BranchNumber> TwoPhase::NotApplied() const {
  std::vector<BranchNumber> numbers = Unfinished();
  numbers.insert(numbers.end(), records().recording.begin(), records().recording.end());
  numbers.insert(numbers.end(), records().unrecorded.begin(), records().unrecorded.end());
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

Effects TwoPhase::On(const event::OnePhaseRequested& event) {
  switch (state_) {
    case State::kActive: break;
    case State::kOnePhase: return {effect::OnePhaseGranted{}};
    case State::kDelegating: return {};
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kLastResource:
    case State::kCommitting:
    case State::kAborting:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone:
      return {effect::Refuse{ErrorCode::kRefused,
                             "the transaction is " + std::string(ToString(state_))}};
  }
  if (event.own) {
    if (event.own->number != event.branch) {
      return {effect::Refuse{ErrorCode::kInvalid, "two different branches are asked for"}};
    }
    if (Effects refused = RefuseOwn({*event.own}); !refused.empty()) return refused;
    if (!branches_.empty()) return {effect::OnePhaseDeclined{}};  // it is named again with commit
    JoinOwn(*event.own);
  }
  if (Find(event.branch) == nullptr) {
    return {effect::Refuse{ErrorCode::kInvalid,
                           "the transaction has no branch " + std::to_string(event.branch)}};
  }
  if (branches_.size() != 1 || branches_.front().reservation) return {effect::OnePhaseDeclined{}};
  Branch& branch = branches_.front();
  branch.voted_so.Change().evidence = event.evidence;
  state_ = State::kDelegating;
  if (SETTLE_PLANTED_BUG(kOnePhaseWithoutItsRecord)) return On(event::Persisted{});
  return {effect::Persist{OnePhaseRecord{
      gtid_, origin_, 0, {branch.number, branch.resource, Vote::kCommit, branch.vote().evidence}}}};
}

Effects TwoPhase::On(const event::Persisted&) {
  if (records().intent_on_its_way) return OnIntentDurable();
  if (!records().registering.empty()) return OnRegistered();
  if (std::exchange(record_on_its_way_, false)) return OnDecisionRecorded(true);
  switch (state_) {
    case State::kPreCommitting: return OnPreCommitDurable();
    case State::kQuorum: return OnKept();
    case State::kDeciding: return OnDecisionDurable();
    case State::kDelegating:
      state_ = State::kOnePhase;
      branches_.front().state = BranchState::kOnePhase;
      retries_ = kPatienceWithCaller;
      return {effect::OnePhaseGranted{}, effect::ArmTimer{Timer::kRetry, retries_}};
    case State::kCommitting:
    case State::kAborting:
    case State::kOnePhase: return OnRecorded();
    case State::kForgetting: return Forgotten(std::exchange(records_.Change().forget, {}));
    case State::kActive:
    case State::kPreparing:
    case State::kLastResource:
    case State::kDamaged:
    case State::kDone: return {};
  }
  return {};
}

Effects TwoPhase::OnDecisionDurable() {
  for (const Branch& branch : branches_) {
    SETTLE_ASSERT(branch.voted && branch.vote().vote != Vote::kNo, Describe(*this));
  }
  state_ = State::kCommitting;
  decision_ = Decision::kCommit;
  ending_ = {Outcome::kCommitted, AbortCause::kNone, "", false};
  Effects effects{effect::ReplyDecided{ending_, finish_here_}};
  Add(effects, AnswerAsked());
  for (Branch& branch : branches_) {
    if (branch.state != BranchState::kPrepared) continue;
    if (branch.reservation) {
      Add(effects, Turn(branch, BranchState::kCommitting));
      continue;
    }
    branch.state = BranchState::kCommitting;
    branch.attempts = 0;
    // The caller finishes its branches, unless its session is already gone.
    if (!finish_here_ || branch.session.empty())
      effects.push_back(SendTo(branch, CommandKind::kCommit));
  }
  retries_ = finish_here_ ? kPatienceWithCaller : 1;
  if (NeedsRetryTimer()) effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  return effects;
}

Effects TwoPhase::On(const event::PersistRefused& event) {
  if (records().intent_on_its_way) return OnIntentRefused(event.reason);
  if (!records().registering.empty()) return OnRegistrationRefused(event.reason);
  if (std::exchange(record_on_its_way_, false)) return OnDecisionRecorded(false);
  switch (state_) {
    case State::kQuorum: return OnKeepingRefused(event.reason);
    case State::kDeciding:
      if (quorum_) return OnKeepingRefused(event.reason);
      [[fallthrough]];
    case State::kPreCommitting:
    case State::kDelegating:
      return Abort(AbortCause::kLogRefused, "the decision could not be stored: " + event.reason,
                   true);
    case State::kCommitting:
    case State::kAborting:
    case State::kOnePhase:
      if (records().recording.empty()) return {};
      // The branch may not be able to say it again: the damage is kept here and written when the
      // retry timer fires.
      records_->unrecorded.push_back(records_->recording.front());
      records_->recording.erase(records_->recording.begin());
      return {effect::ArmTimer{Timer::kRetry, ++retries_}};
    case State::kForgetting:
      state_ = State::kDamaged;
      return {effect::Refuse{
          ErrorCode::kRetry,
          "the log could not store that it is forgotten, so it stays damaged: " + event.reason}};
    case State::kActive:
    case State::kPreparing:
    case State::kLastResource:
    case State::kDamaged:
    case State::kDone: return {};
  }
  return {};
}

Effects TwoPhase::On(const event::Finished& event) {
  Branch* branch = Find(event.branch);
  if (branch == nullptr || branch->reservation || !IsUnfinished(*branch)) return {};
  if (event.result.end == BranchEnd::kRetry) {
    branch->last_error = event.result.detail;
    if (SETTLE_PLANTED_BUG(kNoAnswerOfTheLastResourceTakenForAbort) &&
        state_ == State::kLastResource) {
      return FinishedLast(*branch, {BranchEnd::kAborted, event.result.detail});
    }
    return {};
  }
  switch (state_) {
    case State::kCommitting: return FinishedCommitting(*branch, event.result);
    case State::kAborting: return FinishedAborting(*branch, event.result);
    case State::kOnePhase: return FinishedOnePhase(*branch, event.result);
    case State::kLastResource: return FinishedLast(*branch, event.result);
    case State::kActive:
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kDelegating:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {};
  }
  return {};
}

Effects TwoPhase::FinishedCommitting(Branch& branch, const FinishResult& result) {
  const bool done = result.end == BranchEnd::kCommitted;
  if (!done && !SETTLE_PLANTED_BUG(kUnknownAtCommitTakenForSuccess)) {
    return RecordHeuristic(branch, result);
  }
  branch.state = BranchState::kCommitted;
  return EndIfAllFinished();
}

Effects TwoPhase::FinishedAborting(Branch& branch, const FinishResult& result) {
  if (result.end != BranchEnd::kAborted) return RecordHeuristic(branch, result);
  branch.state = BranchState::kAborted;
  return EndIfAllFinished();
}

Effects TwoPhase::FinishedOnePhase(Branch& branch, const FinishResult& result) {
  if (result.end == BranchEnd::kHazard) return RecordHeuristic(branch, result);
  if (result.end == BranchEnd::kCommitted) {
    branch.state = BranchState::kCommitted;
    ending_ = {Outcome::kCommitted, AbortCause::kNone, "", false};
  } else {
    branch.state = BranchState::kAborted;
    ending_ = {Outcome::kAborted, AbortCause::kRolledBack,
               "the only branch's resource rolled it back: " + result.detail, true};
  }
  return EndIfAllFinished();
}

Effects TwoPhase::EndIfAllFinished() {
  const bool waits = std::any_of(branches_.begin(), branches_.end(), IsUnfinished);
  if (!records().recording.empty() || !records().unrecorded.empty() ||
      (waits && !SETTLE_PLANTED_BUG(kEndBeforeTheLastAck))) {
    return {};
  }
  const bool told = state_ == State::kAborting;  // an abort is answered before it is carried out
  Effects effects{effect::CancelTimer{Timer::kRetry}};
  if (!records().heuristics.empty() || IsForced()) {
    state_ = State::kDamaged;
    ending_ = DamagedEnding();
    effects.push_back(effect::ReplyApplied{ending_});
    return effects;
  }
  state_ = State::kDone;
  if (!told) effects.push_back(effect::ReplyApplied{ending_});
  effects.push_back(effect::Forget{});
  return effects;
}

// Somebody other than the timers of calls must see to what is outstanding.
bool TwoPhase::NeedsRetryTimer() const {
  return std::any_of(branches_.begin(), branches_.end(), [](const Branch& branch) {
    return !branch.reservation && IsUnfinished(branch);
  });
}

effect::Send TwoPhase::SendTo(Branch& branch, CommandKind kind) {
  switch (kind) {
    case CommandKind::kPrepare: SETTLE_ASSERT(state_ == State::kPreparing, Describe(*this)); break;
    case CommandKind::kCommit:
      SETTLE_ASSERT(decision_ == Decision::kCommit, Describe(*this));
      break;
    case CommandKind::kAbort:
      SETTLE_ASSERT(decision_ == Decision::kAbort, Describe(*this));
      SETTLE_ASSERT(ending_.outcome != Outcome::kUndecided, Describe(*this));
      break;
    case CommandKind::kProve:
      SETTLE_ASSERT(state_ == State::kOnePhase || state_ == State::kLastResource, Describe(*this));
      break;
    case CommandKind::kElect:
    case CommandKind::kPreCommit:
    case CommandKind::kPreAbort: SETTLE_ASSERT(state_ == State::kQuorum, Describe(*this)); break;
  }
  ++branch.attempts;
  effect::Send send{kind,           branch.number,   branch.resource,
                    branch.session, branch.attempts, branch.vote().evidence};
  if (quorum_) AddQuorum(send, *quorum_);
  if (IsForced()) send.prepared = intents().front().database_name;
  return send;
}

// Sends again what the wanted branches have not answered.
Effects TwoPhase::SendOutstanding(const std::function<bool(const Branch&)>& wanted) {
  Effects effects;
  for (Branch& branch : branches_) {
    if (branch.reservation || !wanted(branch)) continue;
    if (branch.state == BranchState::kPreparing)
      effects.push_back(SendTo(branch, CommandKind::kPrepare));
    if (branch.state == BranchState::kCommitting)
      effects.push_back(SendTo(branch, CommandKind::kCommit));
    if (branch.state == BranchState::kAborting) effects.push_back(SendAbort(branch));
    if (branch.state == BranchState::kOnePhase)
      effects.push_back(SendTo(branch, CommandKind::kProve));
  }
  return effects;
}

Effects TwoPhase::On(const event::RetryTimerFired&) {
  if (state_ == State::kQuorum) return TryAgain();
  if (DecidedUnrecorded()) return RecordDecision();
  if (SETTLE_PLANTED_BUG(kSiblingsCommittedBeforeTheLastResource) &&
      state_ == State::kLastResource) {
    return OnLastCommitted();
  }
  Effects effects = SendOutstanding([](const Branch&) { return true; });
  Add(effects, RecordUnrecorded());
  if (!effects.empty()) effects.push_back(effect::ArmTimer{Timer::kRetry, ++retries_});
  return effects;
}

Effects TwoPhase::On(const event::RetryRequested&) {
  switch (state_) {
    case State::kLastResource: return AskLastResource();
    case State::kCommitting:
    case State::kAborting:
    case State::kOnePhase: {
      retries_ = 0;  // whoever asks has seen to the cause: the back-off starts afresh
      Effects effects = On(event::RetryTimerFired{});
      for (Branch& branch : branches_) {
        if (branch.reservation) branch.reservation->fruitless = 0;
      }
      Add(effects, CallOutstanding([](const Branch&) { return true; }));
      return effects;
    }
    case State::kQuorum: retries_ = 0; return TryAgain();
    case State::kActive:
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kDeciding:
    case State::kDelegating:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {};
  }
  return {};
}

Effects TwoPhase::On(const event::ResourceReady& event) {
  const auto waits = [&](const Branch& branch) {
    return branch.resource == event.resource && branch.session.empty();
  };
  if (state_ == State::kLastResource && event.resource == Find(last_)->resource)
    return AskLastResource();
  if (DecidedUnrecorded()) return RecordDecision();
  return state_ == State::kQuorum ? TellUnanswered(waits) : SendOutstanding(waits);
}

effect::Send TwoPhase::TellFound(const event::FoundPrepared& found, CommandKind what) const {
  effect::Send told{what, found.branch, found.resource, "", 1, found.evidence};
  if (quorum_) AddQuorum(told, *quorum_);
  return told;
}

Effects TwoPhase::On(const event::FoundPrepared& event) {
  Branch* branch = Find(event.branch);
  if (branch != nullptr && branch->reservation) return {};  // no database's scan finds it
  const bool known = branch != nullptr && branch->resource != kNotKnown;
  const bool damaged = state_ == State::kDamaged || state_ == State::kForgetting;
  if (!damaged && IsOneOfTheirs(event)) return FoundInItsName(event);
  switch (state_) {
    case State::kCommitting:
      if (branch == nullptr || branch->state != BranchState::kCommitting) return {};
      if (DecidedUnrecorded()) return RecordDecision();
      return {SendTo(*branch, CommandKind::kCommit)};
    case State::kAborting:
      if (ending_.cause == AbortCause::kPresumed) return AbortFound(event);
      // One that its beginner numbered itself, and did not come to name.
      if (branch == nullptr && event.branch <= beginner_.own_branches) return AbortFound(event);
      return branch == nullptr ? Effects{} : AbortOnceMore(*branch);
    case State::kDamaged:
    case State::kForgetting:
      // Damage elsewhere keeps no locks: a branch that had ended as decided, and is prepared again
      // because a fail-over undid that, is told again. One that is damaged itself is for whoever
      // repairs it. After a restart no more is known of an abort's siblings than that they were not
      // committed.
      if (decision_ == Decision::kCommit) {
        // One in the name of a last resource may have come to nobody's notice before.
        if (!known && event.last) return {TellFound(event, CommandKind::kCommit)};
        const bool again = known && branch->state == BranchState::kCommitted;
        return again ? Effects{SendTo(*branch, CommandKind::kCommit)} : Effects{};
      }
      if (ending_.cause == AbortCause::kNone) return {};  // its resource decided
      if (known && branch->state != BranchState::kAborted && branch->state != BranchState::kRefused)
        return {};
      return {TellFound(event, CommandKind::kAbort)};
    case State::kActive:  // undecided: left alone, known or not
      if (branch == nullptr && SETTLE_PLANTED_BUG(kUnnamedBranchTakenForAborted))
        return {TellFound(event, CommandKind::kAbort)};
      if (branch == nullptr) RememberFound(event);
      return {};
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kDelegating:
    case State::kOnePhase:
    case State::kLastResource:
    case State::kDone: return {};
  }
  return {};
}

}  // namespace settle::coordinator
