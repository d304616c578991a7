// What is known of the log's rows beside the rows themselves.
#pragma once

#include <cstdint>

#include "log/audit_table.h"
#include "log/decision_log.h"
#include "log/schema.h"

namespace settle::coordinator {

// A transaction on the log works on a copy, which holds when it is committed.
struct LogState {
  std::uint64_t next_position = 1;
  std::uint64_t ended = 0;  // rows of the index: transactions whose end is in the log
  LogTotals totals;         // of all that ended, pruned ones included
  Pruned pruned;
  AuditEnds audit{};
};

// Adds one ended transaction to (or, with -1, takes it from) the count of its outcome.
void Count(Outcome outcome, std::int64_t change, LogTotals& totals);

}  // namespace settle::coordinator
