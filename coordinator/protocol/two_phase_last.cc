// The logging last resource: of all branches one is committed instead of prepared, and its own
// commit is the decision. From the leave to do so until its database says what became of it nothing
// is decided here.
#include <algorithm>
#include <utility>

#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {

// Exactly one branch decides, so every other one must have voted, in its name.
std::string TwoPhase::WhyNotByLastResource(const event::LastResourceRequested& event) const {
  const auto name = [](BranchNumber number) { return "branch " + std::to_string(number); };
  if (!gtid_.empty() && !gtid_.allows_last_resource())
    return "the transaction was begun without leave for a last resource";
  if (protocol_ != Protocol::kTwoPhase) return "a three-phase commit has no last resource";
  if (FindBranch(event.branch) == nullptr) return "the transaction has no " + name(event.branch);
  if (branches_.size() < 2) return "it has no other branch: it can be committed in one phase";
  for (const Branch& branch : branches_) {
    const auto is_its = [&](const BranchVote& vote) { return vote.branch == branch.number; };
    const auto votes = std::count_if(event.votes.begin(), event.votes.end(), is_its);
    if (branch.reservation) return name(branch.number) + " is a reservation";
    const bool last = branch.number == event.branch;
    if (last && votes != 0) return name(branch.number) + " is the last resource, and has voted";
    if (last || votes == 1 || SETTLE_PLANTED_BUG(kTwoLastResources)) continue;
    return name(branch.number) + " in " + branch.resource + " has " +
           (votes == 0 ? "not voted" : "voted twice");
  }
  for (const BranchVote& vote : event.votes) {
    if (FindBranch(vote.branch) == nullptr)
      return "a vote names " + name(vote.branch) + ", which the transaction does not have";
    if (vote.result.vote == Vote::kNo) return name(vote.branch) + " voted no";
  }
  return {};
}

Effects TwoPhase::On(const event::LastResourceRequested& event) {
  const auto refuse = [](ErrorCode code, std::string why) {
    return Effects{effect::Refuse{code, std::move(why)}};
  };
  switch (state_) {
    case State::kActive: break;
    case State::kLastResource:
      if (event.branch == last_ && leave_given_) return {effect::OnePhaseGranted{}};
      [[fallthrough]];
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kDelegating:
    case State::kOnePhase:
    case State::kCommitting:
    case State::kAborting:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone:
      return refuse(ErrorCode::kRefused, "the transaction is " + std::string(ToString(state_)));
  }
  if (Effects refused = RefuseOwn(event.own); !refused.empty()) return refused;
  const std::vector<Branch> before = event.own.empty() ? std::vector<Branch>() : branches_;
  for (const event::OwnBranch& own : event.own) JoinOwn(own);
  if (std::string why = WhyNotByLastResource(event); !why.empty()) {
    if (!event.own.empty()) branches_ = before;
    return refuse(ErrorCode::kInvalid, std::move(why));
  }
  for (const BranchVote& vote : event.votes) {
    Branch& branch = *Find(vote.branch);
    TakeVote(branch, vote.result);
    branch.voted_by_caller = true;
  }
  last_ = event.branch;
  leave_given_ = true;
  finish_here_ = true;
  state_ = State::kLastResource;
  Branch& last = *Find(last_);
  TakeVote(last, {Vote::kCommit, event.evidence, "", false});
  last.state = BranchState::kOnePhase;
  retries_ = kPatienceWithCaller;
  // Crash here, or while that record is not on the disk: the prepared branches name whom to ask.
  return {effect::PersistLazily{LastResourceRecord{gtid_, origin_, 0, last_, Decided()}},
          effect::OnePhaseGranted{}, effect::ArmTimer{Timer::kRetry, retries_}};
}

Effects TwoPhase::FinishedLast(Branch& last, const FinishResult& result) {
  if (records().intent_on_its_way) return {};  // what a person decides is on its way to the disk
  switch (result.end) {
    case BranchEnd::kCommitted: last.state = BranchState::kCommitted; return OnLastCommitted();
    case BranchEnd::kAborted:
      last.state = BranchState::kAborted;
      return Abort(AbortCause::kRolledBack,
                   "the last resource, branch " + std::to_string(last.number) + " in " +
                       last.resource + ", rolled it back" +
                       (result.detail.empty() ? "" : ": " + result.detail),
                   true);
    case BranchEnd::kHazard:
      // Nothing is damaged: the others are prepared still. They wait for a person, or for a
      // database that knows, should one come back under that name.
      last.state = BranchState::kHazard;
      last.last_error = result.detail;
      return {effect::CancelTimer{Timer::kRetry},
              effect::Alarm{last.number, "its last resource, branch " +
                                             std::to_string(last.number) + " in " + last.resource +
                                             ", cannot say whether it committed: " + result.detail +
                                             "; its other branches stay prepared"}};
    case BranchEnd::kRetry: break;
  }
  return {};
}

// It is committed, whatever crashes from here on. The caller finishes the others, as in two-phase
// commit; if it does not, that is recorded before anybody else is told to.
Effects TwoPhase::OnLastCommitted() {
  finish_here_ = finish_here_ && !Find(last_)->session.empty();
  state_ = State::kCommitting;
  decision_ = Decision::kCommit;
  ending_ = {Outcome::kCommitted, AbortCause::kNone, "", false};
  Effects effects{effect::ReplyDecided{ending_, finish_here_}};
  for (Branch& branch : branches_) {
    if (branch.state == BranchState::kPrepared) branch.state = BranchState::kCommitting;
    branch.attempts = 0;
  }
  if (!NeedsRetryTimer()) {
    Add(effects, EndIfAllFinished());
    return effects;
  }
  if (!finish_here_) {
    Add(effects, RecordDecision());
    return effects;
  }
  retries_ = kPatienceWithCaller;
  effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  return effects;
}

// Somebody came who may know, or should.
Effects TwoPhase::AskLastResource() {
  Branch& last = *Find(last_);
  last.state = BranchState::kOnePhase;
  retries_ = 1;
  return {SendTo(last, CommandKind::kProve), effect::ArmTimer{Timer::kRetry, retries_}};
}

bool TwoPhase::DecidedUnrecorded() const {
  return last_ != 0 && state_ == State::kCommitting && !recorded_ && !IsForced();
}

// Proof grows old and databases fail over: what is known now is made to outlast that, before others
// than the caller carry it out.
Effects TwoPhase::RecordDecision() {
  Effects effects{effect::ArmTimer{Timer::kRetry, ++retries_}};
  if (!std::exchange(record_on_its_way_, true))
    effects.push_back(effect::Persist{CommitRecord{gtid_, origin_, 0, Decided(), {}}});
  return effects;
}

// Or refused: the last resource's own record decides, and is asked again should this process crash,
// so the others are told all the same. Only damage waits: it is read against a decision.
Effects TwoPhase::OnDecisionRecorded(bool durable) {
  recorded_ = durable;
  if (state_ != State::kCommitting) return {};
  finish_here_ = false;
  retries_ = durable ? 1 : retries_ + 1;
  Effects effects = SendOutstanding([](const Branch&) { return true; });
  if (!effects.empty() || !durable) effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  if (durable) Add(effects, RecordUnrecorded());
  return effects;
}

// Found prepared in the name of this transaction's last resource. Which ones there are was not
// known, if the record was lost.
bool TwoPhase::IsOneOfTheirs(const event::FoundPrepared& found) const {
  if (!found.last || last_ == 0 || found.last->branch != last_) return false;
  const Branch& last = *FindBranch(last_);
  const Branch* branch = FindBranch(found.branch);
  const bool known = branch != nullptr && branch->resource != kNotKnown;
  return !known && found.branch != 0 && found.branch <= kBranchNumberMax && found.branch != last_ &&
         last.resource == found.last->resource && last.vote().evidence == found.last->evidence;
}

Effects TwoPhase::FoundInItsName(const event::FoundPrepared& found) {
  for (BranchNumber number = 1; number <= found.branch; ++number) {
    if (FindBranch(number) != nullptr) continue;
    Branch& other = Ensure(number);
    other.resource = kNotKnown;
    other.state = BranchState::kReadOnly;
    other.voted = true;
    other.voted_so = VoteResult{Vote::kReadOnly, {}, "", false};
  }
  Branch& branch = *Find(found.branch);
  branch.resource = found.resource;
  branch.voted = true;
  branch.voted_so = VoteResult{Vote::kCommit, found.evidence, "", false};
  switch (state_) {
    case State::kLastResource: branch.state = BranchState::kPrepared; return {};
    case State::kCommitting:
      branch.state = BranchState::kCommitting;
      if (DecidedUnrecorded()) return RecordDecision();
      return {SendTo(branch, CommandKind::kCommit), effect::ArmTimer{Timer::kRetry, retries_}};
    case State::kAborting: branch.state = BranchState::kAborted; return AbortOnceMore(branch);
    case State::kActive:
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kDelegating:
    case State::kOnePhase:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {};
  }
  return {};
}

// A person decides in its place: it is told as the others are, and what it did already comes to
// light by its evidence.
void TwoPhase::GiveUpLastResource() {
  if (last_ == 0 || state_ != State::kLastResource) return;
  Find(last_)->state = BranchState::kPrepared;
  finish_here_ = false;
  recorded_ = true;  // by the person's own record
}

}  // namespace settle::coordinator
