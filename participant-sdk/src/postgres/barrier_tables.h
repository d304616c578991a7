// Settle's tables in a PostgreSQL database: their version, and how they are made.
#pragma once

#include <string>

#include "postgres/connection.h"
#include "settle/barrier.h"

namespace settle::postgres {

// kNotFound, kVersion, kDenied, each with the command that puts it right; kUnavailable.
Status CheckTables(Connection& connection, const std::string& dsn, Clock::time_point deadline);

// A failed statement of the barrier's own, with advice where its tables are missing.
Error Explain(const Reply& reply, const Connection& connection);

}  // namespace settle::postgres
