#include "protocol/three_phase_world.h"

#include <algorithm>

#include "protocol/describe.h"
#include "quorum/site.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

using State = TwoPhase::State;

PeerVerb VerbOf(CommandKind kind) {
  switch (kind) {
    case CommandKind::kElect: return PeerVerb::kElect;
    case CommandKind::kPreCommit: return PeerVerb::kPreCommit;
    case CommandKind::kPreAbort: return PeerVerb::kPreAbort;
    case CommandKind::kCommit: return PeerVerb::kCommit;
    case CommandKind::kAbort: return PeerVerb::kAbort;
    case CommandKind::kPrepare:
    case CommandKind::kProve: break;
  }
  return PeerVerb::kState;
}

std::string ResourceOf(BranchNumber site) { return "bank-" + std::to_string(site); }

}  // namespace

ThreePhaseWorld::ThreePhaseWorld(BranchNumber branches, unsigned seed)
    : random_(seed), branches_(branches) {
  machine_.emplace(Gtid(), Origin{}, TwoPhase::Limits{}, Protocol::kThreePhase);
  for (BranchNumber site = 1; site <= branches; ++site) {
    sites_[site] = {};
    const std::string number = std::to_string(site);
    Handle(event::Enlist{ResourceOf(site), "db", "s" + number, "p", "k" + number, {"h:" + number}});
  }
  Handle(event::CommitRequested{});
}

void ThreePhaseWorld::Broken(const std::string& rule) {
  if (broken_.empty()) broken_ = rule;
}

template <typename T>
std::optional<T> ThreePhaseWorld::TakeAny(std::deque<T>& from) {
  if (from.empty()) return std::nullopt;
  // The newest overtakes often, so that some are very late.
  const std::size_t which = Chance(50) ? from.size() - 1 : random_() % from.size();
  T one = from[which];
  const bool doubled = faults_ && Chance(15);
  if (!doubled) from.erase(from.begin() + static_cast<std::ptrdiff_t>(which));
  if (faults_ && !doubled && Chance(15)) return std::nullopt;  // lost
  return one;
}

void ThreePhaseWorld::Handle(const Event& event) {
  if (!machine_) return;
  trail_.push_back(Describe(event));
  const Effects effects = machine_->Handle(event);
  trail_.push_back("  " + Describe(*machine_));
  for (const Effect& effect : effects) {
    trail_.push_back("  " + Describe(effect));
    See(effect);
  }
  if (machine_ && machine_->state() == State::kDone) machine_.reset();
}

void ThreePhaseWorld::See(const Effect& effect) {
  if (const auto* send = std::get_if<effect::Send>(&effect)) {
    if (send->kind == CommandKind::kPrepare) roster_ = send->sites;
    if (send->kind == CommandKind::kElect) {
      const bool kept = std::any_of(durable_.begin(), durable_.end(), [&](const auto& record) {
        const auto* ballot = std::get_if<BallotRecord>(&record);
        return ballot != nullptr && ballot->at.elected == send->ballot;
      });
      if (!kept) Broken("a ballot is led only when that is durable");
      const auto life = led_here_.try_emplace(send->ballot, counts_.crashes).first->second;
      if (life != counts_.crashes) Broken("a ballot was led in two lives");
    }
    commands_.push_back(*send);
  }
  if (const auto* persist = std::get_if<effect::Persist>(&effect))
    appended_.push_back(persist->record);
  if (const auto* reply = std::get_if<effect::ReplyDecided>(&effect)) Tell(reply->ending.outcome);
  if (const auto* reply = std::get_if<effect::ReplyApplied>(&effect)) Tell(reply->ending.outcome);
  if (const auto* answer = std::get_if<effect::AnswerPeer>(&effect)) {
    const auto asked = asked_.find(answer->call);
    if (asked == asked_.end()) return;  // of an earlier life
    const bool voted = !IsFinal(answer->answer.state) && !durable_.empty();
    if (voted && answer->answer != Witness()) Broken("the witness answers only what is durable");
    AnswerLeader(asked->second.from, 0, answer->answer);
    asked_.erase(asked);
  }
  if (std::holds_alternative<effect::Forget>(effect)) ended_ = machine_->ending().outcome;
}

// As the log has it.
SiteAnswer ThreePhaseWorld::Witness() const {
  SiteAnswer witness{SiteState::kPreCommitted, kFirstBallot, kFirstBallot, {}};
  for (const auto& record : durable_) {
    if (const auto* ballot = std::get_if<BallotRecord>(&record)) witness = ballot->at;
  }
  return witness;
}

void ThreePhaseWorld::Tell(Outcome outcome) {
  if (outcome != Outcome::kCommitted && outcome != Outcome::kAborted)
    Broken(std::string("it ended as ") + settle::ToString(outcome));
  if (told_ && *told_ != outcome) Broken("two different endings were told");
  told_ = outcome;
}

void ThreePhaseWorld::AnswerLog(bool durable) {
  if (appended_.empty()) return;
  if (durable) {
    durable_.push_back(appended_.front());
    const auto& record = durable_.back();
    const bool unforced =
        (SETTLE_PLANTED_BUG(kPreCommitNotForced) &&
         std::holds_alternative<PreCommitRecord>(record)) ||
        (SETTLE_PLANTED_BUG(kOwnBallotNotForced) && std::holds_alternative<BallotRecord>(record));
    if (!unforced) forced_ = durable_.size();
  }
  appended_.pop_front();
  counts_.refused += durable ? 0 : 1;
  if (durable) return Handle(event::Persisted{});
  Handle(event::PersistRefused{"full"});
}

void ThreePhaseWorld::Crash() {
  trail_.emplace_back("crash");
  ++counts_.crashes;
  appended_.clear();
  if (Chance(50)) durable_.resize(forced_);
  reports_.clear();
  asked_.clear();
  machine_.reset();
  if (ended_ || gone_for_good_) return;
  std::optional<TwoPhase::RestoredQuorum> records;
  for (const auto& record : durable_) {
    if (const auto* one = std::get_if<PreCommitRecord>(&record))
      records.emplace().pre_commit = *one;
    if (const auto* one = std::get_if<BallotRecord>(&record)) records->ballot = *one;
    if (const auto* one = std::get_if<CommitRecord>(&record)) records->commit = *one;
    if (const auto* one = std::get_if<QuorumAbortRecord>(&record)) records->abort = *one;
  }
  if (!records) return;  // presumed
  const bool undecided = !records->commit && !records->abort;
  if (SETTLE_PLANTED_BUG(kPreCommitNotRecorded) && undecided) return;
  counts_.restored += undecided ? 1 : 0;
  machine_.emplace(*records, std::vector<HeuristicRecord>{});
  Handle(event::Restored{});
}

// Of a coordinator that does not run it: what the log says, or what is presumed.
std::optional<SiteAnswer> ThreePhaseWorld::AnswerOfTheLog() const {
  if (machine_ || gone_for_good_) return std::nullopt;
  SiteAnswer answer;
  answer.state = ended_ == Outcome::kCommitted ? SiteState::kCommitted : SiteState::kAborted;
  return answer;
}

void ThreePhaseWorld::Keep(BranchNumber site, const SiteAnswer& at) {
  SiteAnswer& kept = sites_.at(site);
  if (IsFinal(kept.state) && at != kept) Broken("a final state was changed");
  kept = at;
  for (const auto& [one, of_one] : sites_) {
    for (const auto& [other, of_other] : sites_) {
      if (of_one.state == SiteState::kCommitted && of_other.state == SiteState::kAborted) {
        Broken("site " + std::to_string(one) + " committed and site " + std::to_string(other) +
               " aborted");
      }
    }
  }
  const bool contradicts = (told_ == Outcome::kCommitted && at.state == SiteState::kAborted) ||
                           (told_ == Outcome::kAborted && at.state == SiteState::kCommitted);
  if (contradicts) Broken("a site ended otherwise than was told");
}

void ThreePhaseWorld::DeliverCommand() {
  const auto send = TakeAny(commands_);
  if (!send) return;
  const BranchNumber site = send->branch;
  const SiteAnswer kept = sites_.at(site);
  trail_.push_back("> " + Describe(Effect(*send)));
  if (send->kind == CommandKind::kPrepare) {
    const bool votes_no = kept.state == SiteState::kAborted ||
                          (kept.state == SiteState::kInitial && faults_ && Chance(5));
    if (kept.state == SiteState::kInitial) {
      SiteAnswer voted = kept;
      voted.state = votes_no ? SiteState::kAborted : SiteState::kWaiting;
      Keep(site, voted);
    }
    const Vote vote = votes_no ? Vote::kNo : Vote::kCommit;
    reports_.emplace_back(event::Voted{{site, {vote, {}, votes_no ? "no" : "", false}}});
    return;
  }
  const SiteAnswer after = quorum::After(kept, {VerbOf(send->kind), send->ballot, send->quorum});
  Keep(site, after);
  reports_.emplace_back(event::SiteAnswered{site, after});
  if (send->kind != CommandKind::kCommit && send->kind != CommandKind::kAbort) return;
  reports_.emplace_back(event::Finished{
      site,
      {after.state == SiteState::kCommitted ? BranchEnd::kCommitted : BranchEnd::kAborted, ""}});
}

void ThreePhaseWorld::DeliverReport() {
  const auto report = TakeAny(reports_);
  if (!report || !machine_) return;
  const auto* answered = std::get_if<event::SiteAnswered>(&*report);
  const bool undecided = machine_->state() == State::kQuorum;
  Handle(*report);
  const bool learned = answered != nullptr && IsFinal(answered->answer.state) && undecided;
  counts_.decided_by_sites += learned ? 1 : 0;
}

void ThreePhaseWorld::LeadAt(BranchNumber site) {
  const SiteAnswer kept = sites_.at(site);
  if (roster_.empty() || kept.state == SiteState::kInitial || IsFinal(kept.state)) return;
  std::uint64_t round = kept.elected.round;
  if (const auto led = rounds_.find(site); led != rounds_.end())
    round = std::max(round, led->second.highest().round);
  const Ballot ballot{round + 1, site};
  if (std::find(led_.begin(), led_.end(), ballot) != led_.end()) Broken("a ballot was led twice");
  led_.push_back(ballot);
  trail_.push_back("site " + std::to_string(site) + " leads " + settle::ToString(ballot));
  ++counts_.site_rounds;
  Keep(site, quorum::After(kept, {PeerVerb::kElect, ballot, {}}));
  rounds_.insert_or_assign(site, quorum::Round(roster_, ballot));
  AnswerLeader(site, site, sites_.at(site));
  SendRound(site);
}

void ThreePhaseWorld::SendRound(BranchNumber site) {
  const quorum::Round& round = rounds_.at(site);
  for (const BranchNumber to : round.Unanswered()) {
    peer_calls_.push_back({site, to, round.message()});
  }
}

void ThreePhaseWorld::DeliverPeerCall() {
  const auto call = TakeAny(peer_calls_);
  if (!call) return;
  if (call->to != 0) {
    Keep(call->to, quorum::After(sites_.at(call->to), call->message));
    if (faults_ && Chance(10)) return;  // the answer is lost
    return AnswerLeader(call->from, call->to, sites_.at(call->to));
  }
  if (const auto answer = AnswerOfTheLog()) return AnswerLeader(call->from, 0, *answer);
  if (!machine_) return;
  asked_[next_call_] = *call;
  Handle(event::PeerCalled{next_call_++, call->message});
}

void ThreePhaseWorld::AnswerLeader(BranchNumber leader, BranchNumber from,
                                   const SiteAnswer& answer) {
  const auto led = rounds_.find(leader);
  if (led == rounds_.end()) return;
  quorum::Round& round = led->second;
  if (!round.Take(from, answer)) return;
  if (!IsFinal(sites_.at(leader).state)) {
    Keep(leader, quorum::After(sites_.at(leader), round.message()));
    round.Take(leader, sites_.at(leader));
  }
  SendRound(leader);
}

// A site's scan of its database asks the coordinator what became of a branch it does not run.
void ThreePhaseWorld::Scan() {
  const auto site = static_cast<BranchNumber>(1 + random_() % branches_);
  const auto answer = AnswerOfTheLog();
  const SiteState state = sites_.at(site).state;
  if (!answer || state == SiteState::kInitial || IsFinal(state)) return;
  const PeerVerb verb =
      answer->state == SiteState::kCommitted ? PeerVerb::kCommit : PeerVerb::kAbort;
  Keep(site, quorum::After(sites_.at(site), {verb, {}, {}}));
}

void ThreePhaseWorld::StepWithFaults() {
  const unsigned what = random_() % 100;
  const auto site = static_cast<BranchNumber>(1 + random_() % branches_);
  // Few walks are of transactions that nobody had prepared yet.
  const bool early = machine_ && machine_->state() == State::kPreparing && Chance(90);
  if (early && what >= 88) return;
  if (what < 30) return DeliverCommand();
  if (what < 55) return DeliverReport();
  if (what < 70) return AnswerLog(!(faults_ && Chance(10)));
  if (what < 85) return DeliverPeerCall();
  if (what < 88) return Handle(event::RetryTimerFired{});
  if (what < 89) return Handle(event::VoteTimerFired{});
  if (what < 91) return LeadAt(site);
  if (what < 93) return Crash();
  if (what < 95) return Scan();
  if (what < 96) return Handle(event::SessionLost{"s" + std::to_string(site)});
  if (what < 97) return Handle(event::ResourceReady{ResourceOf(site)});
  if (what < 98) return Handle(event::FoundPrepared{site, ResourceOf(site)});
  if (what < 99) return Handle(event::AbortRequested{AbortCause::kRequested, "r", {}});
  rounds_.erase(site);  // the leader crashed
}

void ThreePhaseWorld::Heal(bool coordinator_lives) {
  faults_ = false;
  gone_for_good_ = !coordinator_lives;
  if (gone_for_good_) Crash();
  trail_.emplace_back("healed");
}

bool ThreePhaseWorld::CanEnd() {
  for (int turn = 0; turn < 60; ++turn) {
    const auto waits = std::find_if(sites_.begin(), sites_.end(), [](const auto& site) {
      return site.second.state != SiteState::kInitial && !IsFinal(site.second.state);
    });
    const bool all = waits == sites_.end();
    if (all && (!machine_ || machine_->state() == State::kDamaged)) return true;
    while (!appended_.empty()) AnswerLog(true);
    for (int i = 0; i < 60 && !(commands_.empty() && reports_.empty() && peer_calls_.empty());
         ++i) {
      DeliverCommand();
      DeliverReport();
      DeliverPeerCall();
      while (!appended_.empty()) AnswerLog(true);
    }
    if (machine_ && machine_->state() == State::kPreparing) Handle(event::VoteTimerFired{});
    if (turn % 2 == 0) Handle(event::RetryTimerFired{});
    if (!all && turn % 4 == 3) LeadAt(waits->first);
    Scan();
  }
  return false;
}

}  // namespace settle::coordinator
