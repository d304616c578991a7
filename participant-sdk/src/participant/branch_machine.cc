#include "participant/branch_machine.h"

#include <utility>

#include "vocabulary/planted_bug.h"

namespace settle::sdk {
namespace {

constexpr const char* kByCoordinator = "the coordinator had it rolled back";
constexpr const char* kBySites = "its sites decided to abort";
constexpr const char* kNotKnown =
    "this process does not know the branch: it was rolled back, or its process is gone";

BranchEffects RetryEnd(const char* why) { return {effect::ReportEnd{{BranchEnd::kRetry, why}}}; }

}  // namespace

BranchEffects BranchMachine::Handle(const BranchEvent& event) {
  return std::visit([this](const auto& what) { return On(what); }, event);
}

VoteResult BranchMachine::NoVote() const {
  return {Vote::kNo, {}, why_.empty() ? std::string("rolled back already") : why_, vote_.retryable};
}

void BranchMachine::End(FinishResult end) {
  state_ = BranchState::kEnded;
  end_ = std::move(end);
}

// The one way to carry out a decision: by the handle while it works, else by the key and the
// evidence.
BranchEffects BranchMachine::Finish(Decision decision, const Evidence& evidence) {
  state_ = BranchState::kFinishing;
  decision_ = decision;
  if (handle_works_) return {effect::FinishByHandle{decision, may_be_site(), by_}};
  return {effect::FinishByKey{decision, of_this_process_ ? vote_.evidence : evidence,
                              may_be_site() && prepared_.empty(), by_, prepared_}};
}

BranchEffects BranchMachine::FenceFor(std::string why) {
  state_ = BranchState::kFencing;
  why_ = std::move(why);
  return {effect::Fence{}};
}

BranchEffects BranchMachine::On(const event::Commanded& command) {
  prepared_ = command.prepared;
  switch (command.kind) {
    case CommandKind::kPrepare: return OnPrepare(command.sites);
    case CommandKind::kCommit: by_ = command.by; return OnCommit(command.evidence);
    case CommandKind::kAbort: by_ = command.by; return OnAbort(command.evidence, kByCoordinator);
    case CommandKind::kProve: return OnProve(command.evidence);
    case CommandKind::kElect:
    case CommandKind::kPreCommit:
    case CommandKind::kPreAbort: return {};  // to the branch's record alone, whatever it does
  }
  return {};
}

// What is under way against it is overruled by the record; what was only told is forgotten.
BranchEffects BranchMachine::On(const event::SitesDecided& decided) {
  if (!decided.voted && !of_this_process_) return {};
  site_ = true;
  if (state_ == BranchState::kFinishing && Contradicts(decided.decision)) return {};
  by_ = decided.by;
  decision_.reset();
  if (state_ == BranchState::kFinishing) decision_ = decided.decision;
  return decided.decision == Decision::kCommit ? OnCommit(decided.evidence)
                                               : OnAbort(decided.evidence, kBySites);
}

BranchEffects BranchMachine::On(const event::Overruled& overruled) {
  if (state_ != BranchState::kFinishing) return {};
  decision_.reset();
  state_ = of_this_process_ ? BranchState::kPrepared : BranchState::kUnknown;
  if (!tell_end_ && !end_asked_) return {};
  return RetryEnd(overruled.why.c_str());
}

BranchEffects BranchMachine::OnPrepare(const Roster& sites) {
  switch (state_) {
    case BranchState::kUnknown:
      // Remembered: should the answer to the enlist be still on its way here, the branch must not
      // be opened any more, since nobody would ever end it.
      why_ = kNotKnown;
      End({BranchEnd::kAborted, why_});
      return {effect::ReportVote{NoVote()}};
    case BranchState::kWorking:
      // Whoever commits did not wait for this process to finish its work: half of it must not be
      // prepared.
      vote_asked_ = true;
      return FenceFor("the application is still working in the branch: it has not called Leave()");
    case BranchState::kLeft:
      vote_asked_ = true;
      site_ = !sites.empty();
      state_ = BranchState::kPreparing;
      return {effect::Prepare{sites}};
    case BranchState::kPreparing:
    case BranchState::kFencing: vote_asked_ = true; return {};
    case BranchState::kPrepared: return {effect::ReportVote{vote_}};
    case BranchState::kFinishing:
      if (decision_ == Decision::kAbort) return {effect::ReportVote{NoVote()}};
      return {};  // late: it was decided with this vote
    case BranchState::kAsking:
    case BranchState::kCommitting:
    case BranchState::kProving: return {};  // the application, or the proof, answers
    case BranchState::kEnded:
      if (vote_.vote == Vote::kReadOnly) return {effect::ReportVote{vote_}};
      if (end_.end == BranchEnd::kAborted) return {effect::ReportVote{NoVote()}};
      return {};
  }
  return {};
}

BranchEffects BranchMachine::OnCommit(const Evidence& evidence) {
  if (state_ != BranchState::kEnded && Contradicts(Decision::kCommit)) {
    return RetryEnd("told to commit after it was told to abort: left alone");
  }
  switch (state_) {
    case BranchState::kUnknown:
    case BranchState::kPrepared: end_asked_ = true; return Finish(Decision::kCommit, evidence);
    case BranchState::kFinishing:
    case BranchState::kProving: end_asked_ = true; return {};
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kPreparing:
    case BranchState::kFencing:
    case BranchState::kAsking:
    case BranchState::kCommitting:
      // No decision can rest on a vote that was never cast.
      return RetryEnd("told to commit a branch that has not voted: left alone");
    case BranchState::kEnded: return {effect::ReportEnd{end_}};
  }
  return {};
}

BranchEffects BranchMachine::OnAbort(const Evidence& evidence, const char* why) {
  if (state_ != BranchState::kEnded && Contradicts(Decision::kAbort)) {
    return RetryEnd("told to abort after it was told to commit: left alone");
  }
  end_asked_ = true;
  switch (state_) {
    case BranchState::kUnknown:
    case BranchState::kPrepared: why_ = why; return Finish(Decision::kAbort, evidence);
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kAsking: return FenceFor(why);
    case BranchState::kPreparing:
      doomed_ = true;
      why_ = why;
      return {};
    case BranchState::kFinishing:
    case BranchState::kFencing:
    case BranchState::kCommitting:
    case BranchState::kProving: return {};  // what is so will be reported when it is known
    case BranchState::kEnded:
      // A read-only branch has nothing to roll back; the coordinator waits for "aborted".
      if (vote_.vote == Vote::kReadOnly) {
        return {effect::ReportEnd{{BranchEnd::kAborted, end_.detail}}};
      }
      return {effect::ReportEnd{end_}};
  }
  return {};
}

BranchEffects BranchMachine::OnProve(const Evidence& evidence) {
  switch (state_) {
    case BranchState::kUnknown:
      end_asked_ = true;
      state_ = BranchState::kProving;
      return {effect::Prove{evidence}};
    case BranchState::kProving:
    case BranchState::kFencing: end_asked_ = true; return {};
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kPreparing:
    case BranchState::kPrepared:
    case BranchState::kFinishing:
    case BranchState::kAsking:
    case BranchState::kCommitting:
      end_asked_ = true;
      return RetryEnd("the branch is in the hands of its application");
    case BranchState::kEnded: return {effect::ReportEnd{end_}};
  }
  return {};
}

BranchEffects BranchMachine::On(const event::ApplicationPrepares&) {
  if (state_ != BranchState::kWorking) return {};
  state_ = BranchState::kPreparing;
  return {effect::Proceed{}};
}

BranchEffects BranchMachine::On(const event::ApplicationFinishes& finishes) {
  if (state_ != BranchState::kPrepared || Contradicts(finishes.decision)) return {};
  tell_end_ = finishes.tell;
  BranchEffects effects = Finish(finishes.decision, {});
  if (handle_works_) return {effect::Proceed{}};
  return effects;
}

BranchEffects BranchMachine::On(const event::ApplicationHandsOver& over) {
  if (state_ != BranchState::kPrepared || Contradicts(over.decision)) return {};
  BranchEffects effects = Finish(over.decision, {});
  if (auto* finish = std::get_if<effect::FinishByHandle>(&effects.front())) finish->awaited = false;
  return effects;
}

BranchEffects BranchMachine::On(const event::ApplicationAsksOnePhase&) {
  if (state_ != BranchState::kWorking) return {};
  state_ = BranchState::kAsking;
  return {effect::Proceed{}};
}

BranchEffects BranchMachine::On(const event::OnePhaseDeclined&) {
  if (state_ == BranchState::kAsking) state_ = BranchState::kWorking;
  return {};
}

BranchEffects BranchMachine::On(const event::ApplicationCommitsOnePhase&) {
  if (state_ != BranchState::kAsking) return {};
  state_ = BranchState::kCommitting;
  return {effect::Proceed{}};
}

BranchEffects BranchMachine::On(const event::OnePhaseGivenUp&) {
  if (state_ == BranchState::kCommitting) *this = Unknown();
  return {};
}

BranchEffects BranchMachine::On(const event::ApplicationLeft&) {
  if (state_ == BranchState::kWorking) state_ = BranchState::kLeft;
  return {};
}

BranchEffects BranchMachine::On(const event::ApplicationDrops& drops) {
  switch (state_) {
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kAsking:
      vote_asked_ = vote_asked_ || drops.vote_no;
      FenceFor(drops.why);
      return {effect::Proceed{}};
    case BranchState::kFencing: vote_asked_ = vote_asked_ || drops.vote_no; return {};
    case BranchState::kUnknown:
    case BranchState::kPreparing:
    case BranchState::kPrepared:
    case BranchState::kFinishing:
    case BranchState::kCommitting:
    case BranchState::kProving:
    case BranchState::kEnded: return {};
  }
  return {};
}

BranchEffects BranchMachine::On(const event::Voted& voted) {
  if (state_ != BranchState::kPreparing) return {};
  vote_ = voted.result;
  BranchEffects effects;
  switch (vote_.vote) {
    case Vote::kCommit:
      if (doomed_) {
        effects = Finish(Decision::kAbort, {});
        if (vote_asked_) effects.push_back(effect::ReportVote{NoVote()});
        return effects;
      }
      state_ = BranchState::kPrepared;
      if (SETTLE_PLANTED_BUG(kReadOnlyVoteOfABranchThatWrote)) vote_.vote = Vote::kReadOnly;
      break;
    case Vote::kReadOnly: End({BranchEnd::kCommitted, "read-only"}); break;
    case Vote::kNo:
      why_ = vote_.reason;
      End({BranchEnd::kAborted, vote_.reason});
      break;
  }
  if (vote_asked_) effects.push_back(effect::ReportVote{vote_});
  // A read-only branch told to abort has nothing to roll back; the coordinator waits for "aborted".
  if (end_asked_ && state_ == BranchState::kEnded) {
    effects.push_back(effect::ReportEnd{{BranchEnd::kAborted, end_.detail}});
  }
  return effects;
}

BranchEffects BranchMachine::On(const event::Finished& finished) {
  const bool settled = finished.result.end != BranchEnd::kRetry;
  switch (state_) {
    case BranchState::kFinishing:
      handle_works_ = false;
      if (settled) {
        End(finished.result);
      } else {
        // The coordinator commands it again; the connection that failed is not used again.
        state_ = of_this_process_ ? BranchState::kPrepared : BranchState::kUnknown;
        // Of a site the record says what holds, whatever it is told next: by a person too, whose
        // word comes to the coordinator after the sites have decided otherwise.
        if (site_) decision_.reset();
      }
      if (!tell_end_ && !end_asked_) return {};
      tell_end_ = true;
      return {effect::ReportEnd{finished.result}};
    case BranchState::kProving:
      if (settled) {
        End(finished.result);
      } else {
        state_ = BranchState::kUnknown;
      }
      return {effect::ReportEnd{finished.result}};
    case BranchState::kCommitting:
      if (!settled) return {};  // the application asks for proof
      End(finished.result);
      return {effect::ReportEnd{finished.result}};
    case BranchState::kUnknown:
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kPreparing:
    case BranchState::kPrepared:
    case BranchState::kFencing:
    case BranchState::kAsking:
    case BranchState::kEnded: return {};
  }
  return {};
}

BranchEffects BranchMachine::On(const event::Fenced&) {
  if (state_ != BranchState::kFencing) return {};
  End({BranchEnd::kAborted, why_});
  BranchEffects effects;
  if (vote_asked_) effects.push_back(effect::ReportVote{NoVote()});
  if (end_asked_) effects.push_back(effect::ReportEnd{end_});
  return effects;
}

BranchEffects BranchMachine::On(const event::Forgotten& forgotten) {
  switch (state_) {
    case BranchState::kWorking:
    case BranchState::kLeft: return FenceFor(forgotten.why);
    case BranchState::kPreparing:
      // Its vote was told to nobody yet, so nobody has committed on it, and nobody will.
      doomed_ = true;
      why_ = forgotten.why;
      return {};
    case BranchState::kUnknown:
    case BranchState::kPrepared:  // only an answer moves it on
    case BranchState::kFinishing:
    case BranchState::kFencing:
    case BranchState::kAsking:  // leave to commit is durable if given; it is asked for again
    case BranchState::kCommitting:
    case BranchState::kProving:
    case BranchState::kEnded: return {};
  }
  return {};
}

const char* ToString(BranchState state) {
  switch (state) {
    case BranchState::kUnknown: return "unknown";
    case BranchState::kWorking: return "working";
    case BranchState::kLeft: return "left";
    case BranchState::kPreparing: return "preparing";
    case BranchState::kPrepared: return "prepared";
    case BranchState::kFinishing: return "finishing";
    case BranchState::kFencing: return "fencing";
    case BranchState::kAsking: return "asking";
    case BranchState::kCommitting: return "committing";
    case BranchState::kProving: return "proving";
    case BranchState::kEnded: return "ended";
  }
  return "unrecognised";
}

const char* ToString(CommandKind kind) {
  switch (kind) {
    case CommandKind::kPrepare: return "prepare";
    case CommandKind::kCommit: return "commit";
    case CommandKind::kAbort: return "abort";
    case CommandKind::kProve: return "prove";
    case CommandKind::kElect: return "elect";
    case CommandKind::kPreCommit: return "pre-commit";
    case CommandKind::kPreAbort: return "pre-abort";
  }
  return "unrecognised";
}

}  // namespace settle::sdk
