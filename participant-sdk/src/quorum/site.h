// A site's part of quorum three-phase commit: one rule. Pure.
#pragma once

#include "settle/vocabulary/three_phase.h"

namespace settle::quorum {

// What a site keeps once it was told `message`: what it has kept must be durable before it answers,
// and the answer is what it keeps. Unchanged when the message is refused, known already, or too
// late: a final state stays. A site that keeps nothing yet is kInitial.
//
// From `kInitial` an election leads to kAborted: the site has not voted, so nobody can have decided
// to commit, and from then on it never votes yes.
[[nodiscard]] SiteAnswer After(SiteAnswer kept, const PeerMessage& message);

}  // namespace settle::quorum
