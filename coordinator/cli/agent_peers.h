// `settle agent` as a site of three-phase commits: how it is told where its peers are.
#pragma once

#include <vector>

#include "cli/verb.h"
#include "settle/coordinator.h"

namespace settle::cli {

std::vector<VerbOption> PeerVerbOptions();

// Without --peer-listen the agent is no site, and `listen` is empty. kInvalid names the option.
[[nodiscard]] Result<PeerOptions> PeersGiven(const Given& given);

}  // namespace settle::cli
