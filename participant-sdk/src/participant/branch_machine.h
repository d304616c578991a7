// What one branch of a participant may do next. Pure: no I/O, no thread, no clock; it knows the
// world by events and answers with effects, which participant.cc performs and a simulator can
// perform otherwise.
//
//   BranchMachine branch = BranchMachine::Opened();
//   branch.Handle(event::ApplicationLeft{});
//   branch.Handle(event::Commanded{CommandKind::kPrepare, {}});   // {effect::Prepare}
//   branch.Handle(event::Voted{{.vote = Vote::kCommit, ...}});    // {effect::ReportVote}
//
// At most one operation on the branch is under way at any time, whoever asked for it: a repeated
// command is absorbed while its answer is being made, and answered alike ever after.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/outcome.h"
#include "transport/messages.h"

namespace settle::sdk {

enum class BranchState {
  kUnknown,     // not of this process: prepared by another one, or before a crash, or never
  kWorking,     // the application works in it
  kLeft,        // joined; its work is done, it waits for the coordinator's prepare
  kPreparing,   // being prepared
  kPrepared,    // voted commit: only a decision moves it on
  kFinishing,   // the decision is being carried out
  kFencing,     // unprepared and being rolled back
  kAsking,      // one-phase: asked the coordinator for leave to commit
  kCommitting,  // one-phase: being committed by the application
  kProving,     // one-phase: the resource is being asked what became of it
  kEnded,       // committed, rolled back, read-only or a hazard
};

namespace event {

// The coordinator said so.
struct Commanded {
  CommandKind kind = CommandKind::kPrepare;
  Evidence evidence;
  Roster sites{};  // of kPrepare: not empty for a site of three-phase commit
  DecidedBy by{};  // of kCommit and kAbort of a site
  // Of kCommit and kAbort: the branch is an act of a person on what is prepared under this name.
  std::string prepared{};
};
// Three-phase commit: the branch's record has become final, or was found to be, whoever told it.
struct SitesDecided {
  Decision decision = Decision::kAbort;
  Evidence evidence;  // as in the record
  DecidedBy by{};
  // False: it was elected before its vote. Another process may still work in the branch, and only
  // that one can end it.
  bool voted = true;
};
// Three-phase commit: nothing of what was to be finished was done, because the branch's record says
// the other decision.
struct Overruled {
  std::string why;
};

// The application is about to do this in its own thread: it may if the answer is effect::Proceed.
struct ApplicationPrepares {};
struct ApplicationFinishes {
  Decision decision = Decision::kAbort;
  bool tell = true;  // report the end; not while the coordinator knows nothing of the decision yet
};
struct ApplicationAsksOnePhase {};
struct ApplicationCommitsOnePhase {};
// Rolls the unprepared branch back; `vote_no`: the coordinator is to hear of it at once.
struct ApplicationDrops {
  std::string why;
  bool vote_no = false;
};

// The application leaves these to others.
struct ApplicationLeft {};
struct ApplicationHandsOver {
  Decision decision = Decision::kAbort;
};
// The leave to commit in one phase was refused: there are other branches.
struct OnePhaseDeclined {};
// Nobody knows what became of the one-phase commit; the coordinator will have it proved.
struct OnePhaseGivenUp {};

// What came of an operation.
struct Voted {
  VoteResult result;
};
struct Finished {
  FinishResult result;
};
struct Fenced {};

// No coordinator can ever commit what is not prepared yet: the life of the coordinator in which the
// branch was enlisted is over, or the session it was enlisted under.
struct Forgotten {
  std::string why;
};

}  // namespace event

using BranchEvent =
    std::variant<event::Commanded, event::SitesDecided, event::Overruled,
                 event::ApplicationPrepares, event::ApplicationFinishes,
                 event::ApplicationAsksOnePhase, event::ApplicationCommitsOnePhase,
                 event::ApplicationDrops, event::ApplicationLeft, event::ApplicationHandsOver,
                 event::OnePhaseDeclined, event::OnePhaseGivenUp, event::Voted, event::Finished,
                 event::Fenced, event::Forgotten>;

namespace effect {

// To the application: go on.
struct Proceed {
  friend bool operator==(const Proceed&, const Proceed&) = default;
};
// Operations; each is answered by an event: Voted, Finished or Fenced.
struct Prepare {
  Roster sites{};  // not empty: as a site of three-phase commit
  friend bool operator==(const Prepare&, const Prepare&) = default;
};
// `may_be_site`: its record, if there is one, is to say the decision before anything is done, and
// `by` whom it was made; if it says the other one, nothing is done and Overruled is the answer.
struct FinishByHandle {
  Decision decision = Decision::kAbort;
  bool may_be_site = false;
  DecidedBy by{};
  bool awaited = true;  // by whoever decided
  friend bool operator==(const FinishByHandle&, const FinishByHandle&) = default;
};
struct FinishByKey {
  Decision decision = Decision::kAbort;
  Evidence evidence;
  bool may_be_site = false;
  DecidedBy by{};
  std::string prepared{};  // not empty: see event::Commanded; only if it is prepared there
  friend bool operator==(const FinishByKey&, const FinishByKey&) = default;
};
struct Prove {
  Evidence evidence;
  friend bool operator==(const Prove&, const Prove&) = default;
};
struct Fence {
  friend bool operator==(const Fence&, const Fence&) = default;
};
// To the coordinator.
struct ReportVote {
  VoteResult vote;
  friend bool operator==(const ReportVote&, const ReportVote&) = default;
};
struct ReportEnd {
  FinishResult end;
  friend bool operator==(const ReportEnd&, const ReportEnd&) = default;
};

}  // namespace effect

using BranchEffect =
    std::variant<effect::Proceed, effect::Prepare, effect::FinishByHandle, effect::FinishByKey,
                 effect::Prove, effect::Fence, effect::ReportVote, effect::ReportEnd>;
using BranchEffects = std::vector<BranchEffect>;

class BranchMachine {
 public:
  // A branch that this process has enlisted and is opening.
  static BranchMachine Opened() { return BranchMachine(BranchState::kWorking); }
  // A branch that the coordinator speaks of and this process has not.
  static BranchMachine Unknown() { return BranchMachine(BranchState::kUnknown); }

  BranchEffects Handle(const BranchEvent& event);

  BranchState state() const { return state_; }
  // Once ended; a read-only branch counts as committed.
  const FinishResult& end() const { return end_; }
  // False: this process knows that it is no site of three-phase commit.
  bool may_be_site() const { return site_ || !of_this_process_; }

 private:
  explicit BranchMachine(BranchState state) : state_(state) {}

  BranchEffects On(const event::Commanded& command);
  BranchEffects On(const event::SitesDecided& decided);
  BranchEffects On(const event::Overruled& overruled);
  BranchEffects On(const event::ApplicationPrepares&);
  BranchEffects On(const event::ApplicationFinishes& finishes);
  BranchEffects On(const event::ApplicationAsksOnePhase&);
  BranchEffects On(const event::ApplicationCommitsOnePhase&);
  BranchEffects On(const event::ApplicationDrops& drops);
  BranchEffects On(const event::ApplicationLeft&);
  BranchEffects On(const event::ApplicationHandsOver& over);
  BranchEffects On(const event::OnePhaseDeclined&);
  BranchEffects On(const event::OnePhaseGivenUp&);
  BranchEffects On(const event::Voted& voted);
  BranchEffects On(const event::Finished& finished);
  BranchEffects On(const event::Fenced&);
  BranchEffects On(const event::Forgotten& forgotten);

  BranchEffects OnPrepare(const Roster& sites);
  BranchEffects OnCommit(const Evidence& evidence);
  BranchEffects OnAbort(const Evidence& evidence, const char* why);
  BranchEffects OnProve(const Evidence& evidence);

  BranchEffects Finish(Decision decision, const Evidence& evidence);
  bool Contradicts(Decision decision) const { return decision_ && *decision_ != decision; }
  BranchEffects FenceFor(std::string why);
  void End(FinishResult end);
  VoteResult NoVote() const;

  BranchState state_;
  VoteResult vote_;  // once cast
  // Once told: there is one decision for a transaction, ever.
  std::optional<Decision> decision_;
  DecidedBy by_;          // it; of a site
  std::string prepared_;  // of an act of a person
  FinishResult end_;      // once ended
  std::string why_;       // it is or will be rolled back
  bool of_this_process_ = state_ != BranchState::kUnknown;
  bool site_ = false;                     // of three-phase commit, for certain
  bool handle_works_ = of_this_process_;  // else it is finished by its key
  bool doomed_ = false;                   // to be rolled back as soon as its prepare has answered
  bool vote_asked_ = false;               // the coordinator waits for the vote
  bool end_asked_ = false;                // the coordinator waits for the end
  bool tell_end_ = true;                  // or does not know that there is one, and need not
};

const char* ToString(BranchState state);
const char* ToString(CommandKind kind);

}  // namespace settle::sdk
