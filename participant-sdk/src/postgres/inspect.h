// How a branch is in the database now, for an operator.
#pragma once

#include <chrono>

#include "postgres/connection.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/live.h"
#include "settle/vocabulary/status.h"

namespace settle::postgres {

// Reads only; each of its statements is given up by the server after `timeout`. kUnavailable: the
// server's words. Blocking.
[[nodiscard]] Result<LiveBranch> Inspect(Connection& connection, const BranchKey& key,
                                         const Evidence& evidence,
                                         std::chrono::milliseconds timeout);

}  // namespace settle::postgres
