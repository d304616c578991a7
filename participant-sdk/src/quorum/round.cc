#include "quorum/round.h"

#include <algorithm>
#include <utility>

#include "vocabulary/planted_bug.h"

namespace settle::quorum {

Round::Round(const Roster& sites, const Ballot& ballot)
    : ballot_(ballot), message_{PeerVerb::kElect, ballot, {}}, highest_(ballot) {
  for (const Site& site : sites) answers_[site.number] = std::nullopt;
}

Round Round::First(const Roster& sites) {
  Round round(sites, kFirstBallot);
  round.message_.verb = PeerVerb::kPreCommit;
  return round;
}

std::size_t Round::needed() const {
  if (SETTLE_PLANTED_BUG(kRecoversWithoutQuorum) && ballot_ != kFirstBallot) return 1;
  return MajorityOf(answers_.size());
}

std::optional<Decision> Round::decision() const {
  if (message_.verb == PeerVerb::kCommit) return Decision::kCommit;
  if (message_.verb == PeerVerb::kAbort) return Decision::kAbort;
  return std::nullopt;
}

bool Round::Answered(const SiteAnswer& answer) const {
  switch (message_.verb) {
    case PeerVerb::kState: return true;
    case PeerVerb::kElect: return answer.elected == ballot_;
    case PeerVerb::kPreCommit:
      return answer.state == SiteState::kPreCommitted && answer.accepted == ballot_;
    case PeerVerb::kPreAbort:
      return answer.state == SiteState::kPreAborted && answer.accepted == ballot_;
    case PeerVerb::kCommit:
    case PeerVerb::kAbort: return IsFinal(answer.state);
  }
  return false;
}

std::vector<BranchNumber> Round::Unanswered() const {
  std::vector<BranchNumber> sites;
  for (const auto& [site, answer] : answers_) {
    if (!answer) sites.push_back(site);
  }
  return sites;
}

std::vector<BranchNumber> Round::WhoAnswered() const {
  std::vector<BranchNumber> sites;
  for (const auto& [site, answer] : answers_) {
    if (answer) sites.push_back(site);
  }
  return sites;
}

bool Round::Decide(PeerVerb decision, DecidedBy by) {
  decided_ = std::move(by);
  message_ = {decision, decided_.ballot, decided_.quorum};
  for (auto& [site, answer] : answers_) answer.reset();
  return true;
}

// The latest attempt that may have reached a majority is repeated: if it did, this majority holds
// one of those that accepted it, and nobody accepted a later one.
PeerVerb Round::ChooseAttempt() const {
  Ballot latest;
  for (const auto& [site, answer] : answers_) {
    if (SETTLE_PLANTED_BUG(kAnyPreCommitTakenForTheLatest) && answer &&
        answer->state == SiteState::kPreCommitted)
      return PeerVerb::kPreCommit;
    if (answer) latest = std::max(latest, answer->accepted);
  }
  bool all_pre_committed = latest.round >= 1;
  for (const auto& [site, answer] : answers_) {
    if (answer && answer->accepted == latest) {
      all_pre_committed = all_pre_committed && answer->state == SiteState::kPreCommitted;
    }
  }
  return all_pre_committed ? PeerVerb::kPreCommit : PeerVerb::kPreAbort;
}

bool Round::Take(BranchNumber site, const SiteAnswer& answer) {
  const auto of_site = answers_.find(site);
  if (of_site == answers_.end()) return false;
  highest_ = std::max({highest_, answer.elected, answer.accepted});
  if (!decision() && IsFinal(answer.state)) {
    Decide(answer.state == SiteState::kCommitted ? PeerVerb::kCommit : PeerVerb::kAbort,
           answer.decided);
    of_site->second = answer;
    return true;
  }
  if (!Answered(answer)) return false;
  of_site->second = answer;
  const std::vector<BranchNumber> quorum = WhoAnswered();
  if (decision() || quorum.size() < needed()) return false;
  if (message_.verb == PeerVerb::kPreCommit) return Decide(PeerVerb::kCommit, {ballot_, quorum});
  if (message_.verb == PeerVerb::kPreAbort) return Decide(PeerVerb::kAbort, {ballot_, quorum});
  message_.verb = ChooseAttempt();
  for (auto& [number, joined] : answers_) joined.reset();
  return true;
}

}  // namespace settle::quorum
