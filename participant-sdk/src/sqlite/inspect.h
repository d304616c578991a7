// How a branch is in its file now, for an operator.
#pragma once

#include <string>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/live.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

// Reads only, and waits for no writer. Who waits behind it is the caller's to say. kUnavailable: it
// is another file than the evidence's.
[[nodiscard]] Result<LiveBranch> Inspect(Connection& connection, const std::string& identity,
                                         const BranchKey& key, const Evidence& evidence);

}  // namespace settle::sqlite
