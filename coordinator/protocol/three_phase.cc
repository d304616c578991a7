#include "protocol/three_phase.h"

#include <algorithm>
#include <utility>

#include "quorum/site.h"

namespace settle::coordinator {
namespace {

constexpr BranchNumber kWitness = 0;

// A site that did not join an election refuses what follows it. So an attempt whose voters have
// gone meanwhile is given up for a new election after so many tries.
constexpr int kTriesOfAnAttempt = 3;

}  // namespace

ThreePhase::ThreePhase(Roster sites) : sites_(std::move(sites)) {}

ThreePhase::ThreePhase(const PreCommitRecord& record, const std::optional<BallotRecord>& ballot)
    : sites_(record.sites) {
  kept_ =
      ballot ? ballot->at : SiteAnswer{SiteState::kPreCommitted, kFirstBallot, kFirstBallot, {}};
}

bool ThreePhase::has_witness() const {
  return !sites_.empty() && sites_.front().number == kWitness;
}

void ThreePhase::Begin() {
  kept_ = {SiteState::kPreCommitted, kFirstBallot, kFirstBallot, {}};
  round_ = quorum::Round::First(sites_);
  TakeOwn();
}

void ThreePhase::Lead() { leads_ = true; }

Ballot ThreePhase::Highest() const {
  Ballot highest = kept_.elected;
  if (round_) highest = std::max(highest, round_->highest());
  for (const auto& [site, answer] : last_) {
    highest = std::max({highest, answer.elected, answer.accepted});
  }
  return highest;
}

bool ThreePhase::IsStuck(int tries) const {
  if (!round_ || final_) return false;
  if (Highest() > round_->ballot()) return true;
  // Every site can accept the first attempt at any time, and any site can join at any time.
  const PeerVerb verb = round_->message().verb;
  const bool first = round_->ballot() == kFirstBallot;
  return !first && verb != PeerVerb::kElect && tries >= kTriesOfAnAttempt;
}

std::optional<SiteAnswer> ThreePhase::ToKeep() const {
  if (final_) return std::nullopt;
  SiteAnswer next = kept_;
  if (leads_) {
    const std::uint64_t round = quorum::NextRound(kept_.elected, Highest().round);
    next = quorum::After(kept_, {PeerVerb::kElect, {round, kWitness}, {}});
  } else if (round_ && has_witness()) {
    next = quorum::After(kept_, round_->message());
  }
  if (next == kept_) return std::nullopt;
  return next;
}

bool ThreePhase::Kept(const SiteAnswer& at) {
  kept_ = at;
  if (!leads_) return TakeOwn();
  leads_ = false;
  if (final_) return false;
  round_ = quorum::Round(sites_, kept_.elected);
  TakeOwn();
  return true;
}

bool ThreePhase::KeptForPeer(const SiteAnswer& at) {
  kept_ = at;
  return TakeOwn();
}

bool ThreePhase::TakeOwn() {
  if (!round_ || !has_witness() || final_) return false;
  const bool turned = round_->Take(kWitness, kept_);
  return SeeDecision() || turned;
}

bool ThreePhase::Take(BranchNumber site, const SiteAnswer& answer) {
  const bool known = std::any_of(sites_.begin(), sites_.end(),
                                 [&](const Site& one) { return one.number == site; });
  if (!known || site == kWitness) return false;
  last_[site] = answer;
  if (final_) return false;
  if (IsFinal(answer.state)) {
    Learn(answer.state, answer.decided);
    return true;
  }
  if (!round_) return false;
  const bool turned = round_->Take(site, answer);
  return SeeDecision() || turned;
}

bool ThreePhase::SeeDecision() {
  if (!round_->decision()) return false;
  Learn(*round_->decision() == Decision::kCommit ? SiteState::kCommitted : SiteState::kAborted,
        round_->decided());
  return true;
}

void ThreePhase::Learn(SiteState final, const DecidedBy& by) {
  if (final_) return;
  final_ = kept_;
  final_->state = final;
  final_->decided = by;
}

std::vector<BranchNumber> ThreePhase::Unanswered() const {
  std::vector<BranchNumber> sites;
  if (round_) sites = round_->Unanswered();
  std::erase(sites, kWitness);
  return sites;
}

QuorumSummary ThreePhase::Summary() const {
  QuorumSummary summary;
  summary.needed = MajorityOf(sites_.size());
  for (const Site& site : sites_) {
    SiteSummary& row = summary.sites.emplace_back(SiteSummary{site, std::nullopt});
    const auto last = last_.find(site.number);
    if (last != last_.end()) row.last = last->second;
    if (site.number == kWitness) row.last = final_ ? *final_ : kept_;
  }
  if (final_) {
    summary.by = final_->decided;
  } else if (round_) {
    summary.by.ballot = round_->ballot();
    summary.missing = round_->Unanswered();
  }
  return summary;
}

}  // namespace settle::coordinator
