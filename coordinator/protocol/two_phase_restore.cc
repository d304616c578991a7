// From the log, at start.
#include <algorithm>
#include <utility>

#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

TwoPhase::Branch Restored(const DecidedBranch& decided, TwoPhase::BranchState state) {
  TwoPhase::Branch branch;
  branch.number = decided.number;
  branch.resource = decided.resource;
  branch.identity = decided.evidence.database;
  branch.voted = true;
  branch.voted_so = VoteResult{decided.vote, decided.evidence, "", false};
  branch.state = decided.vote == Vote::kReadOnly ? TwoPhase::BranchState::kReadOnly : state;
  return branch;
}

}  // namespace

Effects TwoPhase::On(const event::Restored& event) {
  if (event.forgotten) {
    // It was damaged then, so every branch had ended; only the log was never told of those that
    // ended as decided.
    for (Branch& branch : branches_) {
      if (branch.state == BranchState::kCommitting) branch.state = BranchState::kCommitted;
      if (branch.state == BranchState::kAborting) branch.state = BranchState::kAborted;
    }
    return Forgotten(*event.forgotten);
  }
  retries_ = 1;
  if (state_ == State::kQuorum) {
    quorum_->Lead();
    Effects effects = GetOn();
    effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
    return effects;
  }
  const auto all = [](const Branch&) { return true; };
  Effects effects = SendOutstanding(all);
  Add(effects, CallOutstanding(all));
  if (effects.empty()) return EndIfAllFinished();
  if (state_ == State::kAborting) effects.insert(effects.begin(), effect::ReplyApplied{ending_});
  if (NeedsRetryTimer()) effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  return effects;
}

TwoPhase::TwoPhase(const CommitRecord& record, const std::vector<HeuristicRecord>& heuristics,
                   const std::vector<RegisteredRecord>& registered)
    : gtid_(record.gtid), origin_(record.origin), state_(State::kCommitting) {
  decision_ = Decision::kCommit;
  ending_ = {Outcome::kCommitted, AbortCause::kNone, "", false};
  for (const DecidedBranch& decided : record.branches) {
    branches_.push_back(Restored(decided, BranchState::kCommitting));
    if (SETTLE_PLANTED_BUG(kRestoredBranchTakenForFinished) && decided.number > 1)
      branches_.back().state = BranchState::kCommitted;
  }
  for (const RegisteredRecord& one : registered) {
    const bool forgotten = SETTLE_PLANTED_BUG(kRestoredConfirmTakenForDone);
    Restore(one, forgotten ? BranchState::kCommitted : Ensure(one.branch).state);
  }
  TakeHeuristics(heuristics);
}

TwoPhase::TwoPhase(const RestoredQuorum& records, const std::vector<HeuristicRecord>& heuristics)
    : gtid_(records.pre_commit.gtid),
      origin_(records.pre_commit.origin),
      protocol_(Protocol::kThreePhase),
      state_(State::kQuorum) {
  quorum_.emplace(records.pre_commit, records.ballot);
  BranchState told = BranchState::kPrepared;
  if (records.commit) {
    state_ = State::kCommitting;
    decision_ = Decision::kCommit;
    told = BranchState::kCommitting;
    ending_ = {Outcome::kCommitted, AbortCause::kNone, "", false};
    quorum_->Learn(SiteState::kCommitted, records.commit->by);
  } else if (records.abort) {
    state_ = State::kAborting;
    told = BranchState::kAborting;
    ending_ = {Outcome::kAborted, AbortCause::kQuorum, records.abort->reason, true};
    quorum_->Learn(SiteState::kAborted, records.abort->by);
  }
  for (const DecidedBranch& decided : records.pre_commit.branches) {
    branches_.push_back(Restored(decided, told));
  }
  TakeHeuristics(heuristics);
}

TwoPhase::TwoPhase(const OnePhaseRecord& record, const std::vector<HeuristicRecord>& heuristics)
    : gtid_(record.gtid), origin_(record.origin), state_(State::kOnePhase) {
  Branch branch;
  branch.number = record.branch.number;
  branch.resource = record.branch.resource;
  branch.identity = record.branch.evidence.database;
  branch.voted_so = VoteResult{Vote::kCommit, record.branch.evidence, "", false};
  branch.state = BranchState::kOnePhase;
  branches_.push_back(std::move(branch));
  TakeHeuristics(heuristics);
}

TwoPhase::TwoPhase(const LastResourceRecord& record, const std::vector<HeuristicRecord>& heuristics)
    : gtid_(record.gtid), origin_(record.origin), state_(State::kLastResource), last_(record.last) {
  for (const DecidedBranch& decided : record.branches)
    branches_.push_back(Restored(decided, BranchState::kPrepared));
  Find(last_)->state = BranchState::kOnePhase;
  TakeHeuristics(heuristics);
}

TwoPhase::TwoPhase(const std::vector<HeuristicRecord>& heuristics,
                   const std::vector<RegisteredRecord>& registered)
    : gtid_(registered.empty() ? heuristics.front().gtid : registered.front().gtid) {
  ending_ = {Outcome::kAborted, AbortCause::kPresumed,
             "it was not decided when the coordinator stopped", true};
  for (const RegisteredRecord& one : registered) Restore(one, BranchState::kAborting);
  for (const HeuristicRecord& heuristic : heuristics) Grow(heuristic.branch);
  TakeHeuristics(heuristics);
  if (!registered.empty()) {
    origin_ = registered.front().origin;
    state_ = State::kAborting;
    return;
  }
  state_ = State::kDamaged;
  ending_ = DamagedEnding();
}

TwoPhase::TwoPhase(const HeuristicIntentRecord& record,
                   const std::vector<HeuristicRecord>& heuristics)
    : gtid_(record.gtid), origin_(record.origin) {
  for (const DecidedBranch& decided : record.intent.branches)
    branches_.push_back(Restored(decided, BranchState::kPrepared));
  TakeHeuristics(heuristics);
  TakeIntent(record.intent);
}

// Of branches that no record names nothing is known, so nothing of them is waited for.
void TwoPhase::Grow(BranchNumber number) {
  for (BranchNumber one = 1; one <= number; ++one) Ensure(one);
}

void TwoPhase::Restore(const RegisteredRecord& record, BranchState state) {
  Branch& branch = Ensure(record.branch);
  branch.resource = record.participant;
  branch.state = state;
  branch.reservation = Reservation{.action = record.action, .input = record.input};
  branch.reservation->maybe_called = true;
}

// A branch of a transaction whose reservations are being cancelled since a start, or one that its
// beginner numbered itself.
Effects TwoPhase::AbortFound(const event::FoundPrepared& found) {
  if (found.branch == 0 || found.branch > kBranchNumberMax) return {};
  return AbortOnceMore(JoinFound(found));
}

const char* ToString(TwoPhase::State state) {
  switch (state) {
    case TwoPhase::State::kActive: return "active";
    case TwoPhase::State::kPreparing: return "preparing";
    case TwoPhase::State::kPreCommitting: return "pre-committing";
    case TwoPhase::State::kQuorum: return "quorum";
    case TwoPhase::State::kDeciding: return "deciding";
    case TwoPhase::State::kDelegating: return "delegating";
    case TwoPhase::State::kOnePhase: return "one-phase";
    case TwoPhase::State::kLastResource: return "last-resource";
    case TwoPhase::State::kCommitting: return "committing";
    case TwoPhase::State::kAborting: return "aborting";
    case TwoPhase::State::kDamaged: return "damaged";
    case TwoPhase::State::kForgetting: return "forgetting";
    case TwoPhase::State::kDone: return "done";
  }
  return "unrecognised";
}

const char* ToString(TwoPhase::BranchState state) {
  switch (state) {
    case TwoPhase::BranchState::kRegistering: return "registering";
    case TwoPhase::BranchState::kTrying: return "trying";
    case TwoPhase::BranchState::kWorking: return "working";
    case TwoPhase::BranchState::kPreparing: return "preparing";
    case TwoPhase::BranchState::kPrepared: return "prepared";
    case TwoPhase::BranchState::kReadOnly: return "read-only";
    case TwoPhase::BranchState::kRefused: return "refused";
    case TwoPhase::BranchState::kCommitting: return "committing";
    case TwoPhase::BranchState::kAborting: return "aborting";
    case TwoPhase::BranchState::kOnePhase: return "one-phase";
    case TwoPhase::BranchState::kCommitted: return "committed";
    case TwoPhase::BranchState::kAborted: return "aborted";
    case TwoPhase::BranchState::kHazard: return "hazard";
  }
  return "unrecognised";
}

const char* StateOf(const TwoPhase::Branch& branch) {
  if (!branch.reservation) return ToString(branch.state);
  switch (branch.state) {
    case TwoPhase::BranchState::kPrepared: return "reserved";
    case TwoPhase::BranchState::kCommitting: return "confirming";
    case TwoPhase::BranchState::kAborting: return "cancelling";
    case TwoPhase::BranchState::kCommitted: return "confirmed";
    case TwoPhase::BranchState::kAborted: return "cancelled";
    case TwoPhase::BranchState::kRegistering:
    case TwoPhase::BranchState::kTrying:
    case TwoPhase::BranchState::kWorking:
    case TwoPhase::BranchState::kPreparing:
    case TwoPhase::BranchState::kReadOnly:
    case TwoPhase::BranchState::kRefused:
    case TwoPhase::BranchState::kOnePhase:
    case TwoPhase::BranchState::kHazard: return ToString(branch.state);
  }
  return "unrecognised";
}

}  // namespace settle::coordinator
