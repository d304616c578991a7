#include "participant/recovery.h"

#include <algorithm>
#include <utility>

#include "vocabulary/planted_bug.h"

namespace settle::sdk {
namespace {

using recovery::Act;
using recovery::Time;

// `time`, and by chance up to twice that.
Time Longer(Time time, double chance) {
  return time + Time(static_cast<Time::rep>(static_cast<double>(time.count()) * chance));
}

}  // namespace

Recovery::Recovery(BranchNumber own, Roster sites, recovery::Settings settings, Time now,
                   double chance)
    : own_(own),
      sites_(std::move(sites)),
      settings_(settings),
      heard_(now),
      lost_touch_(now),
      chance_(chance),
      pause_(settings.pause_first) {}

void Recovery::Heard(Time now, double chance) {
  heard_ = now;
  chance_ = chance;
  suspicious_ = false;
  pause_ = settings_.pause_first;
  shortage_.reset();
  switch (phase_) {
    case Phase::kTrusting:
    case Phase::kAsking:
    case Phase::kLeading:
    case Phase::kRound:
      phase_ = Phase::kTrusting;
      round_.reset();
      return;
    case Phase::kObeying:
    case Phase::kTelling:
    case Phase::kDone: return;
  }
}

void Recovery::InTouch(bool yes, Time now) {
  if (in_touch_ && !yes) lost_touch_ = now;
  in_touch_ = yes;
}

void Recovery::Settled() {
  if (phase_ != Phase::kObeying && phase_ != Phase::kTelling) phase_ = Phase::kDone;
}

Time Recovery::Due() const {
  if (suspicious_) return again_;
  if (in_touch_) return heard_ + Longer(settings_.patience * settings_.attached_factor, chance_);
  return std::max(heard_, lost_touch_) + Longer(settings_.patience, chance_);
}

std::vector<BranchNumber> Recovery::Others() const {
  std::vector<BranchNumber> others;
  for (const Site& site : sites_) {
    if (site.number != own_) others.push_back(site.number);
  }
  return others;
}

Act Recovery::Next(Time now) {
  if (phase_ == Phase::kTrusting && now >= Due()) {
    phase_ = Phase::kAsking;
    suspicious_ = true;
    reached_.clear();
    if (SETTLE_PLANTED_BUG(kAbortsAloneOnItsTimer)) {
      decision_ = {PeerVerb::kAbort, {}, {}};
      phase_ = Phase::kObeying;
    }
  }
  switch (phase_) {
    case Phase::kTrusting: return recovery::Wait{Due()};
    case Phase::kAsking: told_ = {PeerVerb::kState, {}, {}}; return recovery::Tell{told_, Others()};
    case Phase::kLeading: return recovery::TakeBallot{highest_};
    case Phase::kRound:
    case Phase::kTelling:
      told_ = round_->message();
      return recovery::Tell{told_, round_->Unanswered()};
    case Phase::kObeying: return recovery::Obey{decision_};
    case Phase::kDone: return recovery::Done{};
  }
  return recovery::Done{};
}

// Whoever knows how it ended is obeyed, whatever is being attempted.
bool Recovery::Decided(const SiteAnswer& answer) {
  if (!IsFinal(answer.state)) return false;
  if (phase_ == Phase::kTelling || phase_ == Phase::kDone) return true;
  decision_ = {answer.state == SiteState::kCommitted ? PeerVerb::kCommit : PeerVerb::kAbort,
               answer.decided.ballot, answer.decided.quorum};
  phase_ = Phase::kObeying;
  return true;
}

void Recovery::Took(const Ballot& ballot, const SiteAnswer& own) {
  if (phase_ != Phase::kLeading) return;
  highest_ = std::max(highest_, ballot.round);
  reached_.insert(own_);
  if (Decided(own)) return;
  round_.emplace(sites_, ballot);
  phase_ = Phase::kRound;
  Answered(own_, own);
}

void Recovery::Answered(BranchNumber site, const SiteAnswer& answer) {
  reached_.insert(site);
  highest_ = std::max({highest_, answer.elected.round, answer.accepted.round});
  if (phase_ == Phase::kRound || phase_ == Phase::kTelling) round_->Take(site, answer);
  if (phase_ == Phase::kRound && round_->decision()) {
    decision_ = round_->message();
    phase_ = Phase::kObeying;
  } else if (phase_ != Phase::kRound) {
    Decided(answer);
  }
}

bool Recovery::Satisfied() const {
  switch (phase_) {
    case Phase::kAsking:
    case Phase::kTelling: return false;
    case Phase::kRound: return !(round_->message() == told_);
    case Phase::kTrusting:
    case Phase::kLeading:
    case Phase::kObeying:
    case Phase::kDone: return true;
  }
  return true;
}

void Recovery::Over(Time now, double chance) {
  switch (phase_) {
    case Phase::kAsking: phase_ = Phase::kLeading; return;
    case Phase::kTelling: phase_ = Phase::kDone; return;
    case Phase::kRound:
      if (round_->message() == told_) Failed(now, chance);
      return;
    case Phase::kTrusting:
    case Phase::kLeading:
    case Phase::kObeying:
    case Phase::kDone: return;
  }
}

void Recovery::Obeyed(const SiteAnswer& own) {
  if (phase_ != Phase::kObeying) return;
  shortage_.reset();
  // What was decided elsewhere is told by whoever led that.
  phase_ = round_ ? Phase::kTelling : Phase::kDone;
  if (round_) round_->Take(own_, own);
}

// It was outbid, or not enough sites answered, or the own database does not. Nothing is lost:
// another attempt, later.
void Recovery::Failed(Time now, double chance) {
  if (phase_ == Phase::kDone || phase_ == Phase::kTrusting) return;
  if (phase_ == Phase::kRound) NoteShortage();
  phase_ = Phase::kTrusting;
  round_.reset();
  again_ = now + Longer(pause_, chance);
  pause_ = std::min(pause_ * 2, settings_.pause_most);
}

void Recovery::NoteShortage() {
  Shortage shortage{{reached_.begin(), reached_.end()}, {}, MajorityOf(sites_.size())};
  for (const Site& site : sites_) {
    if (reached_.count(site.number) == 0) shortage.missing.push_back(site.number);
  }
  shortage_.reset();
  if (shortage.reached.size() < shortage.needed) shortage_ = std::move(shortage);
}

}  // namespace settle::sdk
