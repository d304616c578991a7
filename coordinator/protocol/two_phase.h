// Two-phase commit, presumed abort, as a pure machine: events in, effects out. No clock, thread or
// I/O inside.
//
//   TwoPhase transaction(gtid, origin, {.branches_max = 64});
//   Effects effects = transaction.Handle(event::Enlist{...});
//
// Nothing is written before the decision and nothing for an abort; one forced record per committed
// transaction. Of a three-phase commit it is the same machine, with the sites' quorum between the
// last vote and the decision (three_phase.h). The state table, with what a crash in each state
// means, is in docs/protocols.md. Source: Mohan, Lindsay, Obermarck, "Transaction Management in the
// R* Distributed Database Management System", ACM TODS 11(4), 1986, section 3 (presumed abort,
// read-only votes).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/effects.h"
#include "protocol/events.h"
#include "protocol/records.h"
#include "protocol/seldom.h"
#include "protocol/shared_text.h"
#include "protocol/three_phase.h"

namespace settle::coordinator {

// Whoever began a transaction may number that many branches itself, from 1, and names them when it
// asks to commit: two_phase_own.cc. None of a three-phase commit, whose sites must know each other.
struct Beginner {
  SharedText session{};  // in which it works; lost before commit was asked for: aborted
  BranchNumber own_branches = 0;
  // Of these what a scan found prepared before commit was asked for; one for each number at most.
  Seldom<std::vector<event::FoundPrepared>> found{};
};

class TwoPhase {
 public:
  enum class State {
    kActive,     // work goes on; a crash aborts
    kPreparing,  // prepare was sent; a crash aborts
    // Three-phase: that pre-commit may be sent is on its way to the disk; a crash aborts, or not.
    kPreCommitting,
    kQuorum,      // three-phase: a majority of the sites decides; a crash leads a recovery round
    kDeciding,    // the commit record is on its way to the disk; only the log knows
    kDelegating,  // the one-phase record is on its way to the disk
    kOnePhase,    // the lone branch's resource decides; settled by evidence
    // The last resource decides; the others are prepared in its name. Settled by evidence, after
    // any crash.
    kLastResource,
    kCommitting,  // committed; told to the branches until all have acknowledged
    kAborting,    // aborted; told to the branches as far as they can be reached
    kDamaged,     // ended otherwise than decided, or without proof; kept until a person forgets it
    kForgetting,  // damaged; that a person has repaired it is on its way to the disk
    kDone,
  };

  enum class BranchState {
    kRegistering,  // of a reservation: its record is on its way to the disk; nothing was called
    kTrying,       // of a reservation: its try was called
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

  // A branch that tries, confirms and cancels in a service. Its states are those of a database
  // branch: prepared is reserved, committing is confirming, aborting is cancelling.
  struct Reservation {
    enum class Waits { kForNothing, kForAnswer, kBackOff, kPoll };

    std::string action;
    std::string input;          // JSON text
    std::string result{};       // of the try; JSON text, or empty: not known
    bool maybe_called = false;  // its try, in this life of the coordinator or an earlier one
    Waits waits = Waits::kForNothing;
    int fruitless = 0;     // calls in a row without a result
    bool alarmed = false;  // somebody was told of that
  };

  // There may be millions of them, so what few have, or many have alike, is kept elsewhere.
  struct Branch {
    BranchNumber number = 0;
    BranchState state = BranchState::kWorking;
    SharedText resource;  // of a reservation: its participant
    Seldom<Reservation> reservation{};
    SharedText identity;
    SharedText session;  // its owner; empty once that is gone
    SharedText process;
    std::string request_key;
    Seldom<std::vector<std::string>> peers{};  // of three-phase commit: Site::addresses
    bool voted = false;
    bool voted_by_caller = false;  // with the commit request
    int attempts = 0;              // of the command that is outstanding
    Seldom<VoteResult> voted_so{};
    SharedText last_error;

    // A no without a reason while nothing is known of it.
    const VoteResult& vote() const { return voted_so.OrEmpty(); }
  };

  struct Limits {
    std::size_t branches_max = 64;
  };

  TwoPhase(Gtid gtid, Origin origin, Limits limits, Protocol protocol = Protocol::kTwoPhase,
           Beginner beginner = {});
  // From the log, at start. Send event::Restored before anything else.
  TwoPhase(const CommitRecord& record, const std::vector<HeuristicRecord>& heuristics,
           const std::vector<RegisteredRecord>& registered = {});
  TwoPhase(const OnePhaseRecord& record, const std::vector<HeuristicRecord>& heuristics);
  // The last resource decides: it is asked. Of what a scan found prepared in its name, too.
  TwoPhase(const LastResourceRecord& record, const std::vector<HeuristicRecord>& heuristics);
  // A transaction without a decision: aborted. Of it the damage was written down, or reservations
  // are to be cancelled; `heuristics` and `registered` are not both empty.
  explicit TwoPhase(const std::vector<HeuristicRecord>& heuristics,
                    const std::vector<RegisteredRecord>& registered = {});
  // A three-phase commit of which pre-commit may have been sent. At most one of the decisions.
  struct RestoredQuorum {
    PreCommitRecord pre_commit;
    std::optional<BallotRecord> ballot{};  // the last one
    std::optional<CommitRecord> commit{};
    std::optional<QuorumAbortRecord> abort{};
  };
  TwoPhase(const RestoredQuorum& records, const std::vector<HeuristicRecord>& heuristics);
  // Of what a person decided nothing else can be believed, or there is nothing else: a stray.
  TwoPhase(const HeuristicIntentRecord& record, const std::vector<HeuristicRecord>& heuristics);
  // What a person did beside the records it was made of, in order; before event::Restored.
  void TakeIntent(const HeuristicIntent& intent);

  Effects Handle(const Event& event);

  const Gtid& gtid() const { return gtid_; }
  const Origin& origin() const { return origin_; }
  State state() const { return state_; }
  // By number. Numbers are not without gaps: those of the beginner's own that it did not use.
  const std::vector<Branch>& branches() const { return branches_; }
  const Branch* FindBranch(BranchNumber number) const;
  const Beginner& beginner() const { return beginner_; }
  // How it ended or will end; kUndecided before the decision is durable.
  const Ending& ending() const { return ending_; }
  // The branches that have not ended, after a decision.
  std::vector<BranchNumber> Unfinished() const;
  // With those whose damage is on its way to the log: nobody may be told yet that all is applied.
  std::vector<BranchNumber> NotApplied() const;
  // The branch that decides or decided alone, while the others were prepared; 0: none does.
  BranchNumber last_resource() const { return last_; }
  // Something was registered: until its end is in the log, a start cancels it anew.
  bool has_reservations() const;
  Protocol protocol() const { return protocol_; }
  // What persons did; not before that is durable.
  const std::vector<HeuristicIntent>& intents() const { return records().intents; }
  // Of a three-phase commit, from prepare on.
  std::optional<QuorumSummary> quorum() const;

 private:
  Effects On(const event::Enlist& event);
  Effects On(const event::TryRequested& event);
  Effects On(const event::CommitRequested& event);
  Effects On(const event::OnePhaseRequested& event);
  Effects On(const event::LastResourceRequested& event);
  Effects On(const event::AbortRequested& event);
  Effects On(const event::DeadlineReached& event);
  Effects On(const event::VoteTimerFired& event);
  Effects On(const event::RetryTimerFired& event);
  Effects On(const event::Voted& event);
  Effects On(const event::SiteAnswered& event);
  Effects On(const event::PeerCalled& event);
  Effects On(const event::Finished& event);
  Effects On(const event::Answered& event);
  Effects On(const event::CallTimerFired& event);
  Effects On(const event::ParticipantReady& event);
  Effects On(const event::Persisted& event);
  Effects On(const event::PersistRefused& event);
  Effects On(const event::SessionLost& event);
  Effects On(const event::ResourceReady& event);
  Effects On(const event::FoundPrepared& event);
  Effects On(const event::RetryRequested& event);
  Effects On(const event::SkipRequested& event);
  Effects On(const event::ForgetRequested& event);
  Effects On(const event::HeuristicRequested& event);
  Effects On(const event::Restored& event);

  Branch* Find(BranchNumber number);
  Branch& Ensure(BranchNumber number);
  BranchNumber NextNumber() const;
  void TakeVote(Branch& branch, VoteResult vote);
  std::vector<DecidedBranch> Decided() const;
  Effects StartPreparing();
  Effects DecideIfAllVoted();
  Effects Abort(AbortCause cause, std::string reason, bool retryable);
  Effects RefuseToJoin() const;
  Effects AnswerLateRequest() const;
  Effects RefuseOwn(const std::vector<event::OwnBranch>& own) const;
  Effects RefuseVotes(const event::CommitRequested& event) const;
  void JoinOwn(const event::OwnBranch& own);
  void RememberFound(const event::FoundPrepared& found);
  Branch& JoinFound(const event::FoundPrepared& found);
  Effects AbortOnceMore(Branch& branch);

  Effects OnDecisionDurable();
  Effects FinishedCommitting(Branch& branch, const FinishResult& result);
  Effects FinishedOnePhase(Branch& branch, const FinishResult& result);
  Effects FinishedAborting(Branch& branch, const FinishResult& result);
  Effects RecordHeuristic(Branch& branch, const FinishResult& result);
  Effects RecordUnrecorded();
  Effects EndIfAllFinished();
  void TakeHeuristics(const std::vector<HeuristicRecord>& heuristics);
  Ending DamagedEnding() const;
  Effects Forgotten(const ForgetRecord& record);

  // The last resource: two_phase_last.cc.
  std::string WhyNotByLastResource(const event::LastResourceRequested& event) const;
  Effects FinishedLast(Branch& last, const FinishResult& result);
  Effects OnLastCommitted();
  Effects AskLastResource();
  bool DecidedUnrecorded() const;
  Effects RecordDecision();
  Effects OnDecisionRecorded(bool durable);
  bool IsOneOfTheirs(const event::FoundPrepared& found) const;
  Effects FoundInItsName(const event::FoundPrepared& found);
  void GiveUpLastResource();

  // What persons decide: two_phase_heuristic.cc.
  std::optional<HeuristicIntent> Completed(HeuristicIntent intent, std::string& why_not) const;
  Effects OnIntentDurable();
  Effects OnIntentRefused(const std::string& why);
  void ApplyVerdict(const HeuristicIntent& intent);
  void ApplyForce(const HeuristicIntent& intent);
  bool IsForced() const;
  Effects SendOutstanding(const std::function<bool(const Branch&)>& wanted);
  effect::Send SendTo(Branch& branch, CommandKind kind);
  effect::Send SendAbort(Branch& branch);
  Effects AbortFound(const event::FoundPrepared& found);
  effect::Send TellFound(const event::FoundPrepared& found, CommandKind what) const;
  bool NeedsRetryTimer() const;

  // Reservations.
  void Grow(BranchNumber number);
  void Restore(const RegisteredRecord& record, BranchState state);
  Effects OnRegistered();
  Effects OnRecorded();
  Effects OnRegistrationRefused(const std::string& why);
  Effects AnsweredTry(Branch& branch, const event::Answered& event);
  Effects AnsweredFinish(Branch& branch, const event::Answered& event);
  Effects Turn(Branch& branch, BranchState state);  // what is called from now on
  Effects Call(Branch& branch);
  Effects CallOutstanding(const std::function<bool(const Branch&)>& wanted);
  static Effects Fruitless(Branch& branch, const std::string& why);
  static Effects Stuck(Branch& branch, const std::string& why);
  static Effects BackOff(Branch& branch);
  static Effects Rest(Branch& branch, BranchState state);  // nothing is called any more

  // Three-phase commit.
  Effects StartPreCommit();
  Effects OnPreCommitDurable();
  Effects OnKept();
  Effects OnKeepingRefused(const std::string& why);
  Effects GetOn();
  void AnswerNext(Effects& effects);
  Effects PersistDecision();
  Effects TellSites();
  Effects TellUnanswered(const std::function<bool(const Branch&)>& wanted);
  Effects TryAgain();
  Effects AnswerAsked();
  Effects AnswerBeforePreCommit(const event::PeerCalled& event);
  Effects RefuseVotesWithoutRoster(const event::CommitRequested& event) const;
  SiteAnswer FinalAnswer() const;
  std::string WhyAborted() const;

  Gtid gtid_;
  Origin origin_;
  Limits limits_;
  Protocol protocol_ = Protocol::kTwoPhase;
  Beginner beginner_{};
  State state_ = State::kActive;
  std::vector<Branch> branches_;
  Ending ending_{Outcome::kUndecided, AbortCause::kNone, "", false};
  Decision decision_ = Decision::kAbort;  // what branches are told once it is past kDeciding
  bool finish_here_ = false;
  BranchNumber last_ = 0;           // the branch of the last resource
  bool leave_given_ = false;        // to it, in this life of the coordinator
  bool recorded_ = false;           // that it committed
  bool record_on_its_way_ = false;  // of that, to the disk; while others may be, too
  int retries_ = 0;
  // Beside that of the decision.
  struct OtherRecords {
    std::vector<BranchNumber> registering;  // on their way to the disk, before any other record
    std::vector<BranchNumber> recording;    // heuristics on their way to the disk, in order
    std::vector<BranchNumber> unrecorded;   // which the log refused, until the retry timer fires
    std::vector<HeuristicRecord> heuristics;
    std::vector<HeuristicIntent> intents;
    std::optional<HeuristicIntent> intent_on_its_way;  // to the disk, and no other record is
    ForgetRecord forget;                               // while kForgetting
  };
  const OtherRecords& records() const { return records_.OrEmpty(); }
  Seldom<OtherRecords> records_;
  Seldom<ThreePhase> quorum_;  // of three-phase commit, from prepare on
  struct Keeping {
    SiteAnswer at;
    std::optional<std::uint64_t> call;  // of the peer that waits for it
  };
  int told_ = 0;                   // so often the sites were told the same; while kQuorum
  bool abort_on_its_way_ = false;  // the quorum's, to the disk; while kQuorum
  Seldom<Keeping> keeping_;        // a ballot record on its way to the disk; while kQuorum
  Seldom<std::vector<event::PeerCalled>> asked_;  // once what is on its way to the disk is there
};

const char* ToString(TwoPhase::State state);
const char* ToString(TwoPhase::BranchState state);
// The branch's state in its own words: of a reservation "reserved", "confirming".
const char* StateOf(const TwoPhase::Branch& branch);

}  // namespace settle::coordinator
