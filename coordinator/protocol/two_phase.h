// Two-phase commit, presumed abort, as a pure machine: events in, effects out. No clock, thread or
// I/O inside.
//
//   TwoPhase transaction(gtid, origin, {.branches_max = 64});
//   Effects effects = transaction.Handle(event::Enlist{...});
//
// Nothing is written before the decision and nothing for an abort; one forced record per committed
// transaction. The state table, with what a crash in each state means, is in docs/protocols.md.
// Source: Mohan, Lindsay, Obermarck, "Transaction Management in the R* Distributed Database
// Management System", ACM TODS 11(4), 1986, section 3 (presumed abort, read-only votes).
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "protocol/effects.h"
#include "protocol/events.h"
#include "protocol/records.h"

namespace settle::coordinator {

class TwoPhase {
 public:
  enum class State {
    kActive,      // work goes on; a crash aborts
    kPreparing,   // prepare was sent; a crash aborts
    kDeciding,    // the commit record is on its way to the disk; only the log knows
    kDelegating,  // the one-phase record is on its way to the disk
    kOnePhase,    // the lone branch's resource decides; settled by evidence
    kCommitting,  // committed; told to the branches until all have acknowledged
    kAborting,    // aborted; told to the branches as far as they can be reached
    kDamaged,     // ended otherwise than decided, or without proof; kept until a person forgets it
    kForgetting,  // damaged; that a person has repaired it is on its way to the disk
    kDone,
  };

  enum class BranchState {
    kWorking,
    kPreparing,
    kPrepared,
    kReadOnly,
    kRefused,  // voted no
    kCommitting,
    kAborting,
    kOnePhase,
    kCommitted,
    kAborted,
    kHazard,
  };

  struct Branch {
    BranchNumber number = 0;
    std::string resource;
    std::string identity;
    SessionId session;  // its owner; empty once that is gone
    std::string process;
    std::string request_key;
    BranchState state = BranchState::kWorking;
    bool voted = false;
    bool voted_by_caller = false;  // with the commit request
    VoteResult vote;
    int attempts = 0;  // of the command that is outstanding
    std::string last_error;
  };

  struct Limits {
    std::size_t branches_max = 64;
  };

  TwoPhase(Gtid gtid, Origin origin, Limits limits);
  // From the log, at start. Send event::Restored before anything else.
  TwoPhase(const CommitRecord& record, const std::vector<HeuristicRecord>& heuristics);
  TwoPhase(const OnePhaseRecord& record, const std::vector<HeuristicRecord>& heuristics);
  // An aborted transaction of which only the damage was written down. `heuristics` is not empty.
  explicit TwoPhase(const std::vector<HeuristicRecord>& heuristics);

  Effects Handle(const Event& event);

  const Gtid& gtid() const { return gtid_; }
  const Origin& origin() const { return origin_; }
  State state() const { return state_; }
  const std::vector<Branch>& branches() const { return branches_; }
  // How it ended or will end; kUndecided before the decision is durable.
  const Ending& ending() const { return ending_; }
  // The branches that have not ended, after a decision.
  std::vector<BranchNumber> Unfinished() const;

 private:
  Effects On(const event::Enlist& event);
  Effects On(const event::CommitRequested& event);
  Effects On(const event::OnePhaseRequested& event);
  Effects On(const event::AbortRequested& event);
  Effects On(const event::DeadlineReached& event);
  Effects On(const event::VoteTimerFired& event);
  Effects On(const event::RetryTimerFired& event);
  Effects On(const event::Voted& event);
  Effects On(const event::Finished& event);
  Effects On(const event::Persisted& event);
  Effects On(const event::PersistRefused& event);
  Effects On(const event::SessionLost& event);
  Effects On(const event::ResourceReady& event);
  Effects On(const event::FoundPrepared& event);
  Effects On(const event::RetryRequested& event);
  Effects On(const event::ForgetRequested& event);
  Effects On(const event::Restored& event);

  Branch* Find(BranchNumber number);
  void TakeVote(Branch& branch, const VoteResult& vote);
  Effects StartPreparing();
  Effects DecideIfAllVoted();
  Effects Abort(AbortCause cause, std::string reason, bool retryable);
  Effects AnswerLateRequest() const;
  Effects AbortOnceMore(Branch& branch);

  Effects OnDecisionDurable();
  Effects FinishedCommitting(Branch& branch, const FinishResult& result);
  Effects FinishedOnePhase(Branch& branch, const FinishResult& result);
  Effects FinishedAborting(Branch& branch, const FinishResult& result);
  Effects RecordHeuristic(Branch& branch, const FinishResult& result);
  Effects EndIfAllFinished();
  void TakeHeuristics(const std::vector<HeuristicRecord>& heuristics);
  Ending DamagedEnding() const;
  Effects Forgotten(const ForgetRecord& record);
  Effects SendOutstanding(const std::function<bool(const Branch&)>& wanted);
  effect::Send SendTo(Branch& branch, CommandKind kind);
  effect::Send SendAbort(Branch& branch);

  Gtid gtid_;
  Origin origin_;
  Limits limits_;
  State state_ = State::kActive;
  std::vector<Branch> branches_;
  Ending ending_{Outcome::kUndecided, AbortCause::kNone, "", false};
  Decision decision_ = Decision::kAbort;  // what branches are told once it is past kDeciding
  bool finish_here_ = false;
  int retries_ = 0;
  std::deque<BranchNumber> recording_;    // heuristics on their way to the disk, in order
  std::vector<BranchNumber> unrecorded_;  // those that the log refused, until the retry timer fires
  std::vector<HeuristicRecord> heuristics_;
  ForgetRecord forget_;  // while kForgetting
};

const char* ToString(TwoPhase::State state);
const char* ToString(TwoPhase::BranchState state);

}  // namespace settle::coordinator
