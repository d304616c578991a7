#include "quorum/site.h"

#include <algorithm>

#include "vocabulary/planted_bug.h"

namespace settle::quorum {
namespace {

bool HasVoted(SiteState state) {
  return state == SiteState::kWaiting || state == SiteState::kPreCommitted ||
         state == SiteState::kPreAborted;
}

SiteAnswer Accept(SiteAnswer kept, const Ballot& ballot, SiteState state) {
  if (ballot != kept.elected && !SETTLE_PLANTED_BUG(kBallotsNotCompared)) return kept;
  if (!HasVoted(kept.state)) return kept;
  kept.state = state;
  kept.accepted = ballot;
  return kept;
}

SiteAnswer Obey(SiteAnswer kept, const PeerMessage& message, SiteState state) {
  kept.state = state;
  kept.decided = {message.ballot, message.quorum};
  return kept;
}

}  // namespace

SiteAnswer After(SiteAnswer kept, const PeerMessage& message) {
  if (IsFinal(kept.state)) return kept;
  switch (message.verb) {
    case PeerVerb::kState: return kept;
    case PeerVerb::kElect:
      if (message.ballot <= kept.elected && !SETTLE_PLANTED_BUG(kBallotsNotCompared)) return kept;
      if (message.ballot.round > kept.elected.round + kLeapMost) return kept;
      if (kept.state == SiteState::kInitial) kept.state = SiteState::kAborted;
      kept.elected = message.ballot;
      return kept;
    case PeerVerb::kPreCommit: return Accept(kept, message.ballot, SiteState::kPreCommitted);
    case PeerVerb::kPreAbort: return Accept(kept, message.ballot, SiteState::kPreAborted);
    case PeerVerb::kCommit:
      // Nobody can decide to commit without this site's vote.
      return kept.state == SiteState::kInitial ? kept : Obey(kept, message, SiteState::kCommitted);
    case PeerVerb::kAbort: return Obey(kept, message, SiteState::kAborted);
  }
  return kept;
}

std::uint64_t NextRound(const Ballot& elected, std::uint64_t above) {
  return std::clamp(above, elected.round, elected.round + kLeapMost - 1) + 1;
}

Keep HowToKeep(const SiteAnswer& before, const SiteAnswer& after) {
  if (after == before) return Keep::kNothing;
  const bool accepted = after.accepted != before.accepted;
  const bool joined = after.elected != before.elected;
  if (SETTLE_PLANTED_BUG(kElectionNotForced) && joined && !IsFinal(after.state))
    return Keep::kLazily;
  if (SETTLE_PLANTED_BUG(kAttemptNotForced) && accepted) return Keep::kLazily;
  if (SETTLE_PLANTED_BUG(kElectedBeforeItsVoteKeepsNothing) && joined && IsFinal(after.state))
    return Keep::kNothing;
  return joined || accepted ? Keep::kForced : Keep::kLazily;
}

}  // namespace settle::quorum
