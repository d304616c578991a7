// Three-phase commit: from prepare on the branches are sites, and between the last vote and the
// decision a majority of them decides.
#include <algorithm>
#include <utility>

#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"
#include "quorum/site.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

using BranchState = TwoPhase::BranchState;

CommandKind CommandOf(PeerVerb verb) {
  switch (verb) {
    case PeerVerb::kElect: return CommandKind::kElect;
    case PeerVerb::kPreCommit: return CommandKind::kPreCommit;
    case PeerVerb::kPreAbort: return CommandKind::kPreAbort;
    case PeerVerb::kCommit: return CommandKind::kCommit;
    case PeerVerb::kAbort: return CommandKind::kAbort;
    case PeerVerb::kState: break;  // a round has nothing to ask without a ballot
  }
  SETTLE_ASSERT(false, settle::ToString(verb));
  return CommandKind::kElect;
}

bool IsForSites(PeerVerb verb) {
  return verb == PeerVerb::kElect || verb == PeerVerb::kPreCommit || verb == PeerVerb::kPreAbort;
}

std::string NameOf(const ThreePhase& quorum, BranchNumber number) {
  if (number == 0) return "the coordinator";
  for (const Site& site : quorum.sites()) {
    if (site.number == number) return "site " + std::to_string(number) + " (" + site.resource + ")";
  }
  return "site " + std::to_string(number);
}

}  // namespace

Roster MakeRoster(const std::vector<TwoPhase::Branch>& branches) {
  Roster sites;
  if (branches.size() % 2 == 0) sites.push_back({});
  for (const TwoPhase::Branch& branch : branches) {
    sites.push_back({branch.number, branch.resource, branch.peers.OrEmpty()});
  }
  return sites;
}

void AddQuorum(effect::Send& send, const ThreePhase& quorum) {
  switch (send.kind) {
    case CommandKind::kPrepare: send.sites = quorum.sites(); break;
    case CommandKind::kElect:
    case CommandKind::kPreCommit:
    case CommandKind::kPreAbort: send.ballot = quorum.message()->ballot; break;
    case CommandKind::kCommit:
    case CommandKind::kAbort:
      // The coordinator aborts alone, or a person decides, whatever a site says.
      if (!quorum.final_state() || (quorum.final_state()->state == SiteState::kCommitted) !=
                                       (send.kind == CommandKind::kCommit)) {
        break;
      }
      send.ballot = quorum.final_state()->decided.ballot;
      send.quorum = quorum.final_state()->decided.quorum;
      break;
    case CommandKind::kProve: break;
  }
}

std::optional<QuorumSummary> TwoPhase::quorum() const {
  if (!quorum_) return std::nullopt;
  return quorum_->Summary();
}

// A site's record, with the roster in it, is made by the prepare that the coordinator sends.
Effects TwoPhase::RefuseVotesWithoutRoster(const event::CommitRequested& event) const {
  if (protocol_ == Protocol::kTwoPhase) return {};
  for (const BranchVote& vote : event.votes) {
    if (vote.result.vote == Vote::kNo) continue;
    return {effect::Refuse{ErrorCode::kInvalid,
                           "branch " + std::to_string(vote.branch) +
                               " was prepared without the list of sites, so it is no site of this "
                               "three-phase commit: leave it to the coordinator to prepare"}};
  }
  return {};
}

// Until this is durable nobody can have pre-committed, so a crash aborts and a refusal does. From
// then on nothing is presumed.
Effects TwoPhase::StartPreCommit() {
  state_ = State::kPreCommitting;
  return {effect::CancelTimer{Timer::kVote}, effect::CancelTimer{Timer::kRetry},
          effect::Persist{PreCommitRecord{gtid_, origin_, 0, Decided(), quorum_->sites()}}};
}

Effects TwoPhase::OnPreCommitDurable() {
  state_ = State::kQuorum;
  retries_ = 1;
  quorum_->Begin();
  Effects effects = TellSites();
  Add(effects, GetOn());
  return effects;
}

// What every site is told has changed.
Effects TwoPhase::TellSites() {
  for (Branch& branch : branches_) branch.attempts = 0;
  told_ = 1;
  Effects effects = TellUnanswered([](const Branch&) { return true; });
  effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  return effects;
}

Effects TwoPhase::TellUnanswered(const std::function<bool(const Branch&)>& wanted) {
  if (quorum_->message() == nullptr || quorum_->final_state()) return {};
  const CommandKind kind = CommandOf(quorum_->message()->verb);
  Effects effects;
  for (const BranchNumber number : quorum_->Unanswered()) {
    Branch& branch = *Find(number);
    if (wanted(branch)) effects.push_back(SendTo(branch, kind));
  }
  return effects;
}

Effects TwoPhase::On(const event::SiteAnswered& event) {
  const bool too_early = state_ == State::kPreparing || state_ == State::kPreCommitting;
  if (!quorum_ || too_early) return {};
  const bool turned = quorum_->Take(event.site, event.answer);
  if (state_ != State::kQuorum) return {};
  Effects effects;
  if (turned && !quorum_->final_state()) effects = TellSites();
  Add(effects, GetOn());
  return effects;
}

// One record at a time is on its way to the disk. Peers come first: each of them waits for one.
Effects TwoPhase::GetOn() {
  Effects effects;
  if (records().intent_on_its_way) return effects;
  while (!keeping_ && !quorum_->final_state() && !asked_.OrEmpty().empty()) AnswerNext(effects);
  if (keeping_ || abort_on_its_way_) return effects;
  if (quorum_->final_state()) {
    Add(effects, PersistDecision());
  } else if (const std::optional<SiteAnswer> next = quorum_->ToKeep()) {
    keeping_ = Keeping{*next, std::nullopt};
    effects.push_back(effect::Persist{BallotRecord{gtid_, *next}});
  }
  return effects;
}

void TwoPhase::AnswerNext(Effects& effects) {
  const event::PeerCalled asked = asked_->front();
  const SiteAnswer after = quorum::After(quorum_->kept(), asked.message);
  // Whoever tells the decision is answered when that is durable here too.
  if (IsFinal(after.state)) return quorum_->Learn(after.state, after.decided);
  asked_->erase(asked_->begin());
  if (after == quorum_->kept()) {
    effects.push_back(effect::AnswerPeer{asked.call, after});
    return;
  }
  keeping_ = Keeping{after, asked.call};
  effects.push_back(effect::Persist{BallotRecord{gtid_, after}});
  if (!SETTLE_PLANTED_BUG(kWitnessAnswersBeforeDurable)) return;
  keeping_->call.reset();
  effects.push_back(effect::AnswerPeer{asked.call, after});
}

Effects TwoPhase::OnKept() {
  if (std::exchange(abort_on_its_way_, false)) {
    return Abort(AbortCause::kQuorum, WhyAborted(), true);
  }
  if (!keeping_) return {};
  const Keeping kept = *std::exchange(keeping_, std::nullopt);
  Effects effects;
  if (kept.call) effects.push_back(effect::AnswerPeer{*kept.call, kept.at});
  const bool turned = kept.call ? quorum_->KeptForPeer(kept.at) : quorum_->Kept(kept.at);
  if (turned && !quorum_->final_state()) Add(effects, TellSites());
  Add(effects, GetOn());
  return effects;
}

// It is certainly not there, and what the sites hold is as it was: tried again by the retry timer.
// Never an abort: a majority may have decided to commit by now.
Effects TwoPhase::OnKeepingRefused(const std::string&) {
  state_ = State::kQuorum;
  abort_on_its_way_ = false;
  Effects effects;
  if (keeping_ && keeping_->call) {
    effects.push_back(effect::AnswerPeer{*keeping_->call, quorum_->kept()});
  }
  keeping_.reset();
  effects.push_back(effect::ArmTimer{Timer::kRetry, ++retries_});
  return effects;
}

Effects TwoPhase::PersistDecision() {
  if (quorum_->final_state()->state == SiteState::kAborted) {
    abort_on_its_way_ = true;
    return {effect::CancelTimer{Timer::kRetry},
            effect::Persist{
                QuorumAbortRecord{gtid_, 0, quorum_->final_state()->decided, WhyAborted()}}};
  }
  state_ = State::kDeciding;
  return {
      effect::CancelTimer{Timer::kRetry},
      effect::Persist{CommitRecord{gtid_, origin_, 0, Decided(), quorum_->final_state()->decided}}};
}

std::string TwoPhase::WhyAborted() const {
  const DecidedBy& by = quorum_->final_state()->decided;
  if (by.quorum.empty()) return "a site had aborted it";
  return NameOf(*quorum_, by.ballot.leader) + " led a recovery round, and a majority (" +
         settle::ToString(by.quorum) + ") agreed to abort under ballot " +
         settle::ToString(by.ballot);
}

Effects TwoPhase::TryAgain() {
  ++retries_;
  Effects effects;
  if (!keeping_ && quorum_->IsStuck(told_)) {
    quorum_->Lead();
  } else {
    ++told_;
    effects = TellUnanswered([](const Branch&) { return true; });
  }
  Add(effects, GetOn());
  if (state_ == State::kQuorum && !abort_on_its_way_)
    effects.push_back(effect::ArmTimer{Timer::kRetry, retries_});
  return effects;
}

Effects TwoPhase::On(const event::PeerCalled& event) {
  if (!quorum_) {
    return {effect::Refuse{ErrorCode::kRefused,
                           protocol_ == Protocol::kTwoPhase
                               ? "the transaction is no three-phase commit"
                               : "the transaction has no sites: it was not asked to commit yet"}};
  }
  const bool decided = ending_.outcome != Outcome::kUndecided;
  if (decided) return {effect::AnswerPeer{event.call, FinalAnswer()}};
  if (IsForSites(event.message.verb) && !quorum_->has_witness()) {
    return {effect::Refuse{ErrorCode::kRefused,
                           "the coordinator is no site of this transaction: with an odd number of "
                           "branches they decide among themselves"}};
  }
  if (IsForSites(event.message.verb) && event.message.ballot.leader == kFirstBallot.leader) {
    return {effect::Refuse{ErrorCode::kInvalid, "ballot " + settle::ToString(event.message.ballot) +
                                                    " is the coordinator's own to lead"}};
  }
  if (state_ == State::kPreparing) return AnswerBeforePreCommit(event);
  asked_.Change().push_back(event);
  return state_ == State::kQuorum ? GetOn() : Effects{};
}

// The witness has not voted yet. A crash forgets that it aborted, and aborts.
Effects TwoPhase::AnswerBeforePreCommit(const event::PeerCalled& event) {
  const SiteAnswer after = quorum::After(quorum_->kept(), event.message);
  if (!IsFinal(after.state)) return {effect::AnswerPeer{event.call, after}};
  asked_.Change().push_back(event);
  return Abort(AbortCause::kQuorum,
               "a site asked for a recovery round before every branch had voted, so nobody can "
               "have committed it",
               true);
}

Effects TwoPhase::AnswerAsked() {
  Effects effects;
  const Seldom<std::vector<event::PeerCalled>> all = std::exchange(asked_, std::nullopt);
  for (const event::PeerCalled& asked : all.OrEmpty()) {
    effects.push_back(effect::AnswerPeer{asked.call, FinalAnswer()});
  }
  return effects;
}

SiteAnswer TwoPhase::FinalAnswer() const {
  if (quorum_->final_state() && !IsForced()) return *quorum_->final_state();
  SiteAnswer answer = quorum_->kept();
  answer.state = decision_ == Decision::kCommit ? SiteState::kCommitted : SiteState::kAborted;
  return answer;
}

}  // namespace settle::coordinator
