// A site's part of quorum three-phase commit: one rule. Pure.
#pragma once

#include <cstdint>

#include "settle/vocabulary/three_phase.h"

namespace settle::quorum {

// What a site keeps once it was told `message`: what it has kept must be durable before it answers,
// and the answer is what it keeps. Unchanged when the message is refused, known already, or too
// late: a final state stays. A site that keeps nothing yet is kInitial.
//
// From `kInitial` an election leads to kAborted: the site has not voted, so nobody can have decided
// to commit, and from then on it never votes yes.
[[nodiscard]] SiteAnswer After(SiteAnswer kept, const PeerMessage& message);

// An election so many rounds above the last one joined is refused: no round can have come that far,
// and beyond the highest number that can be sent none could be led any more.
inline constexpr std::uint64_t kLeapMost = std::uint64_t{1} << 32;

// Of the election that a site leads which joined `elected` and heard of rounds up to `above`: above
// both, as far as it may leap at a time.
[[nodiscard]] std::uint64_t NextRound(const Ballot& elected, std::uint64_t above);

// How the site keeps `after` in place of `before`, before it answers.
enum class Keep {
  kNothing,  // it is the same
  // It was told a decision, and others know that: should it be lost, the site is told again.
  kLazily,
  // It joined or accepted: a majority may rest on that, and nobody could tell it what it forgot.
  kForced,
};
[[nodiscard]] Keep HowToKeep(const SiteAnswer& before, const SiteAnswer& after);

}  // namespace settle::quorum
