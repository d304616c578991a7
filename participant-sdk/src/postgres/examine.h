// Reads from a server what server_checks.h judges.
#pragma once

#include "postgres/connection.h"
#include "postgres/server_checks.h"
#include "settle/vocabulary/status.h"

namespace settle::postgres {

// In one read-only transaction whose statements the server itself ends after a few seconds. The
// connection is not to be used again. The privileges of an ordinary role are enough; what it may
// not see is marked so.
[[nodiscard]] Result<ServerFacts> ReadServerFacts(Connection& connection,
                                                  Clock::time_point deadline);

}  // namespace settle::postgres
