// Settle's tables in a PostgreSQL database: their version, who may use them, and how they are made.
#pragma once

#include <string>

#include "postgres/connection.h"
#include "settle/barrier.h"

namespace settle::postgres {

// What a part of Settle reads and writes.
inline constexpr const char* kBarrierTables = "settle_barrier, settle_barrier_mark";
inline constexpr const char* kSiteTables = "settle_three_phase, settle_barrier_mark";

// kNotFound, kVersion, kDenied, each with the command that puts it right; kUnavailable.
Status CheckTables(Connection& connection, const std::string& dsn, const std::string& tables,
                   Clock::time_point deadline);

// A failed statement of Settle's own, with advice where its tables are missing or denied.
Error Explain(const Reply& reply, const Connection& connection, const std::string& tables);

// Never lowers it. What is removed below the mark is removed in its transaction or a later one.
Statement RaiseMark(const EndedThrough& mark);

}  // namespace settle::postgres
