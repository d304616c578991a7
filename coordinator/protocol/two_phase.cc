#include "protocol/two_phase.h"

#include <algorithm>
#include <utility>

#include "protocol/two_phase_parts.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

using BranchState = TwoPhase::BranchState;

bool IsUnvoted(const TwoPhase::Branch& branch) { return !branch.voted; }

}  // namespace

TwoPhase::TwoPhase(Gtid gtid, Origin origin, Limits limits, Protocol protocol, Beginner beginner)
    : gtid_(std::move(gtid)),
      origin_(std::move(origin)),
      limits_(limits),
      protocol_(protocol),
      beginner_(std::move(beginner)) {}

Effects TwoPhase::Handle(const Event& event) {
  return std::visit([this](const auto& e) { return On(e); }, event);
}

const TwoPhase::Branch* TwoPhase::FindBranch(BranchNumber number) const {
  const auto at = std::ranges::lower_bound(branches_, number, {}, &Branch::number);
  return at != branches_.end() && at->number == number ? &*at : nullptr;
}

TwoPhase::Branch* TwoPhase::Find(BranchNumber number) {
  return const_cast<Branch*>(FindBranch(number));
}

// Those that the beginner numbers itself come first, whether it uses them or not.
BranchNumber TwoPhase::NextNumber() const {
  return std::max(beginner_.own_branches, branches_.empty() ? 0 : branches_.back().number) + 1;
}

Effects TwoPhase::On(const event::Enlist& event) {
  const auto same = std::find_if(branches_.begin(), branches_.end(), [&](const Branch& branch) {
    return branch.request_key == event.request_key && branch.session == event.session;
  });
  if (same != branches_.end() && same->resource != event.resource) {
    return {effect::Refuse{ErrorCode::kInvalid, "this request key already enlisted branch " +
                                                    std::to_string(same->number) + " in " +
                                                    same->resource}};
  }
  if (same != branches_.end()) return {effect::Enlisted{same->number}};
  if (Effects refused = RefuseToJoin(); !refused.empty()) return refused;
  if (protocol_ == Protocol::kThreePhase && event.peers.empty()) {
    return {effect::Refuse{ErrorCode::kRefused,
                           "a branch of a three-phase commit must answer its peers, and no process "
                           "that serves " +
                               event.resource +
                               " does: set CoordinatorOptions::peers where it is served"}};
  }
  Branch branch;
  branch.number = NextNumber();
  if (!event.peers.empty()) branch.peers = event.peers;
  branch.resource = event.resource;
  branch.identity = event.identity;
  branch.session = event.session;
  branch.process = event.process;
  branch.request_key = event.request_key;
  branches_.push_back(std::move(branch));
  return {effect::Enlisted{branches_.back().number}};
}

// Empty: another branch may join.
Effects TwoPhase::RefuseToJoin() const {
  if (state_ != State::kActive && !SETTLE_PLANTED_BUG(kEnlistAfterTheDecisionBegan)) {
    return {effect::Refuse{ErrorCode::kRefused, "the transaction is " +
                                                    std::string(ToString(state_)) +
                                                    ": branches join only while it is active"}};
  }
  if (NextNumber() <= limits_.branches_max) return {};
  return {effect::Refuse{
      ErrorCode::kRefused,
      "the transaction has its maximum of " + std::to_string(limits_.branches_max) + " branches"}};
}

void TwoPhase::TakeVote(Branch& branch, VoteResult vote) {
  if (protocol_ == Protocol::kThreePhase && vote.vote == Vote::kReadOnly) {
    // A quorum without it would be another one than its peers know of.
    vote = {Vote::kNo,
            {},
            "it voted read-only, and each branch of a three-phase commit is a site",
            false};
  }
  branch.voted = true;
  branch.voted_so = vote;
  branch.attempts = 0;
  switch (vote.vote) {
    case Vote::kCommit: branch.state = BranchState::kPrepared; break;
    case Vote::kReadOnly: branch.state = BranchState::kReadOnly; break;
    case Vote::kNo:
      branch.state = BranchState::kRefused;
      branch.last_error = vote.reason;
      break;
  }
}

Effects TwoPhase::On(const event::CommitRequested& event) {
  if (state_ != State::kActive) return AnswerLateRequest();
  if (Effects refused = RefuseOwn(event.own); !refused.empty()) return refused;
  if (Effects refused = RefuseVotes(event); !refused.empty()) return refused;
  if (Effects refused = RefuseVotesWithoutRoster(event); !refused.empty()) return refused;
  for (const event::OwnBranch& own : event.own) JoinOwn(own);
  for (const BranchVote& vote : event.votes) {
    Branch& branch = *Find(vote.branch);
    TakeVote(branch, vote.result);
    branch.voted_by_caller = true;
  }
  return StartPreparing();
}

Effects TwoPhase::RefuseVotes(const event::CommitRequested& event) const {
  for (const BranchVote& vote : event.votes) {
    const Branch* branch = FindBranch(vote.branch);
    if (branch != nullptr && !branch->reservation) continue;
    const bool joins = std::any_of(event.own.begin(), event.own.end(),
                                   [&](const auto& own) { return own.number == vote.branch; });
    if (joins) continue;
    return {effect::Refuse{
        ErrorCode::kInvalid,
        "a vote names branch " + std::to_string(vote.branch) +
            (branch == nullptr
                 ? ", which the transaction does not have"
                 : ", a reservation: its participant alone says whether it is made")}};
  }
  return {};
}

Effects TwoPhase::StartPreparing() {
  state_ = State::kPreparing;
  if (protocol_ == Protocol::kThreePhase && !branches_.empty())
    quorum_.emplace(MakeRoster(branches_));
  Effects effects;
  const bool refused = std::any_of(branches_.begin(), branches_.end(), [](const Branch& branch) {
    return branch.state == BranchState::kRefused;
  });
  if (!refused && std::any_of(branches_.begin(), branches_.end(), IsUnvoted)) {
    for (Branch& branch : branches_) {
      if (branch.voted || branch.reservation) continue;  // a try is under way: it is the vote
      branch.state = BranchState::kPreparing;
      effects.push_back(SendTo(branch, CommandKind::kPrepare));
    }
    retries_ = 1;
    const bool sent = !effects.empty();
    effects.push_back(effect::ArmTimer{Timer::kVote, 1});
    if (sent) effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
    return effects;
  }
  Add(effects, DecideIfAllVoted());
  return effects;
}

Effects TwoPhase::DecideIfAllVoted() {
  for (const Branch& branch : branches_) {
    if (branch.state == BranchState::kRefused) {
      return Abort(AbortCause::kVotedNo,
                   "branch " + std::to_string(branch.number) + " in " + branch.resource +
                       " voted no: " + branch.vote().reason,
                   branch.vote().retryable);
    }
  }
  if (std::any_of(branches_.begin(), branches_.end(), IsUnvoted)) return {};

  if (quorum_) return StartPreCommit();
  bool wrote = false;
  finish_here_ = true;
  for (const Branch& branch : branches_) {
    if (branch.state != BranchState::kPrepared) continue;
    wrote = true;
    finish_here_ = finish_here_ && branch.voted_by_caller;
  }
  if (!wrote) {
    state_ = State::kDone;  // nothing to undo or redo anywhere: no record is needed
    ending_ = {Outcome::kCommitted, AbortCause::kNone, "no branch wrote anything", false};
    return {effect::CancelTimer{Timer::kVote}, effect::CancelTimer{Timer::kRetry},
            effect::ReplyApplied{ending_}, effect::Forget{}};
  }
  state_ = State::kDeciding;  // commit is sent from OnDecisionDurable and nowhere else
  Effects effects{effect::CancelTimer{Timer::kVote}, effect::CancelTimer{Timer::kRetry},
                  effect::Persist{CommitRecord{gtid_, origin_, 0, Decided()}}};
  if (SETTLE_PLANTED_BUG(kReplyBeforeTheRecordIsDurable)) Add(effects, OnDecisionDurable());
  return effects;
}

std::vector<DecidedBranch> TwoPhase::Decided() const {
  std::vector<DecidedBranch> decided;
  for (const Branch& branch : branches_) {
    decided.push_back({branch.number, branch.resource, branch.vote().vote, branch.vote().evidence});
    if (SETTLE_PLANTED_BUG(kEvidenceNotRecorded)) decided.back().evidence = {};
  }
  return decided;
}

// Alone, or as the sites' quorum decided.
Effects TwoPhase::Abort(AbortCause cause, std::string reason, bool retryable) {
  // Asked to commit, the beginner has named what it works in; until then it alone knows.
  const bool own_unnamed = state_ == State::kActive && !beginner_.session.empty();
  state_ = State::kAborting;
  decision_ = Decision::kAbort;
  ending_ = {Outcome::kAborted, cause, std::move(reason), retryable};
  Effects effects{effect::CancelTimer{Timer::kVote}, effect::ReplyApplied{ending_}};
  if (own_unnamed && !SETTLE_PLANTED_BUG(kOwnBranchesNotToldOfTheAbort))
    effects.push_back(effect::AbortOwn{beginner_.session});
  Add(effects, AnswerAsked());
  for (const event::FoundPrepared& found : beginner_.found.OrEmpty()) {
    if (FindBranch(found.branch) == nullptr) JoinFound(found).state = BranchState::kPrepared;
  }
  beginner_.found.reset();
  for (Branch& branch : branches_) {
    if (branch.reservation) {
      // No record of the abort is needed first: what is registered and not decided is cancelled by
      // a start too. A refused try is cancelled as well, because a copy of its call may be late.
      const bool forgotten =
          (SETTLE_PLANTED_BUG(kRefusedTryNotCancelled) && branch.state == BranchState::kRefused) ||
          (SETTLE_PLANTED_BUG(kUnansweredTryNotCancelled) && branch.state == BranchState::kTrying);
      const bool called = branch.reservation->maybe_called && !forgotten;
      Add(effects,
          called ? Turn(branch, BranchState::kAborting) : Rest(branch, BranchState::kAborted));
      continue;
    }
    switch (branch.state) {
      case BranchState::kWorking:
      case BranchState::kPreparing:
      case BranchState::kPrepared:
        branch.attempts = 0;
        effects.push_back(SendAbort(branch));
        break;
      case BranchState::kRegistering:
      case BranchState::kTrying:
      case BranchState::kReadOnly:
      case BranchState::kRefused:
      case BranchState::kCommitting:
      case BranchState::kAborting:
      case BranchState::kOnePhase:
      case BranchState::kCommitted:
      case BranchState::kAborted:
      case BranchState::kHazard: break;
    }
  }
  retries_ = 1;
  if (NeedsRetryTimer()) effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  Add(effects, EndIfAllFinished());
  return effects;
}

// A commit or abort asked for again, or too late: told what is so, or left to wait for what only
// the log knows.
Effects TwoPhase::AnswerLateRequest() const {
  switch (state_) {
    case State::kActive:
    case State::kPreparing:
    case State::kPreCommitting:
    case State::kQuorum:
    case State::kDeciding:
    case State::kDelegating:
    case State::kOnePhase:
    case State::kLastResource: return {};
    case State::kCommitting: return {effect::ReplyDecided{ending_, finish_here_}};
    case State::kAborting:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {effect::ReplyApplied{ending_}};
  }
  return {};
}

Effects TwoPhase::On(const event::AbortRequested& event) {
  // Only the handle that was rolled back could have committed the last resource.
  const bool last_rolled_back = state_ == State::kLastResource && !records().intent_on_its_way &&
                                std::find(event.rolled_back.begin(), event.rolled_back.end(),
                                          last_) != event.rolled_back.end();
  const bool open = state_ == State::kActive || state_ == State::kPreparing || last_rolled_back;
  if (!open && !(SETTLE_PLANTED_BUG(kAbortObeyedAfterTheLastVote) && state_ == State::kDeciding) &&
      !(SETTLE_PLANTED_BUG(kAbortsAloneAfterPreCommit) && state_ == State::kQuorum)) {
    return AnswerLateRequest();
  }
  for (const BranchNumber number : event.rolled_back) {
    Branch* branch = Find(number);
    const bool damaged = branch != nullptr && branch->state == BranchState::kCommitted;
    if (branch != nullptr && !branch->reservation && !damaged)
      branch->state = BranchState::kAborted;
  }
  return Abort(event.cause, event.reason, false);
}

Effects TwoPhase::On(const event::DeadlineReached&) {
  const bool too_late = state_ != State::kActive;
  const bool obeyed =
      (SETTLE_PLANTED_BUG(kDeadlineAfterTheLastVote) && state_ == State::kDeciding) ||
      (SETTLE_PLANTED_BUG(kDeadlineAfterLeaveToTheLastResource) && state_ == State::kLastResource);
  if (too_late && !obeyed) return {};
  return Abort(AbortCause::kDeadline, "commit was not asked for before the transaction's deadline",
               true);
}

Effects TwoPhase::On(const event::VoteTimerFired&) {
  if (state_ != State::kPreparing) return {};
  std::string missing;
  for (const Branch& branch : branches_) {
    if (branch.voted) continue;
    missing +=
        (missing.empty() ? "" : ", ") + std::to_string(branch.number) + " in " + branch.resource;
  }
  return Abort(AbortCause::kVoteTimeout, "no vote came in time from branch " + missing, true);
}

Effects TwoPhase::On(const event::Voted& event) {
  Branch* branch = Find(event.vote.branch);
  if (branch == nullptr || branch->reservation) return {};
  const bool again = state_ == State::kPreparing && branch->voted;
  if (SETTLE_PLANTED_BUG(kDuplicateVoteCountedTwice) && again)
    branch = &*std::find_if(branches_.begin(), branches_.end(), IsUnvoted);
  const bool late = state_ == State::kAborting && branch->state == BranchState::kAborting;
  if ((state_ == State::kPreparing && branch->state == BranchState::kPreparing) ||
      (SETTLE_PLANTED_BUG(kLatePrepareAcceptedAfterAbort) && late)) {
    TakeVote(*branch, event.vote.result);
    return DecideIfAllVoted();
  }
  // Prepared although it was to be aborted: the prepare was on its way when the abort overtook it.
  const bool told_to_abort =
      branch->state == BranchState::kAborting || branch->state == BranchState::kAborted;
  if (state_ == State::kAborting && told_to_abort && event.vote.result.vote == Vote::kCommit) {
    branch->voted_so = event.vote.result;
    return AbortOnceMore(*branch);
  }
  return {};  // a second copy of a vote, or one that no longer matters
}

// A branch that was to be aborted turned out to be prepared. What it said before stands if that was
// damage, or a vote that left nothing behind.
Effects TwoPhase::AbortOnceMore(Branch& branch) {
  if (branch.state == BranchState::kAborting) return {SendAbort(branch)};
  if (branch.state != BranchState::kAborted) return {};
  return {SendAbort(branch), effect::ArmTimer{Timer::kRetry, retries_}};
}

effect::Send TwoPhase::SendAbort(Branch& branch) {
  branch.state = BranchState::kAborting;
  if (branch.session.empty() && branch.vote().vote != Vote::kCommit) {
    // The work died with its process, so nothing waits for an answer. Should it have been prepared
    // all the same, which only its database knows, this abort ends it, or the one that a scan asks
    // for.
    branch.state = BranchState::kAborted;
    branch.last_error = "its session was lost before it was prepared";
  }
  return SendTo(branch, CommandKind::kAbort);
}

Effects TwoPhase::On(const event::SessionLost& event) {
  bool lost_work =
      state_ == State::kActive && !event.session.empty() && event.session == beginner_.session;
  if (lost_work) beginner_.session.clear();
  for (Branch& branch : branches_) {
    if (branch.session != event.session) continue;
    branch.session.clear();
    lost_work = lost_work || branch.state == BranchState::kWorking ||
                branch.state == BranchState::kPreparing;
  }
  switch (state_) {
    case State::kActive:
    case State::kPreparing:
      if (!lost_work) return {};
      return Abort(AbortCause::kParticipantLost,
                   "the process that owned a branch was lost before the branch was prepared", true);
    case State::kCommitting:
    case State::kAborting:
    case State::kOnePhase:
    case State::kLastResource: {
      if (DecidedUnrecorded()) return RecordDecision();
      Effects effects =
          SendOutstanding([](const Branch& branch) { return branch.session.empty(); });
      if (state_ == State::kAborting) Add(effects, EndIfAllFinished());
      return effects;
    }
    case State::kQuorum:
      return TellUnanswered([](const Branch& branch) { return branch.session.empty(); });
    case State::kPreCommitting:
    case State::kDeciding:
    case State::kDelegating:
    case State::kDamaged:
    case State::kForgetting:
    case State::kDone: return {};
  }
  return {};
}

}  // namespace settle::coordinator
