// The decision log in one SQLite file (WAL, synchronous=FULL), written by one thread in self-clocking groups: a
// group is whatever queued while the last one was being flushed.
#pragma once

#include <memory>
#include <string>

#include "log/decision_log.h"

namespace settle::coordinator {

struct SqliteLogSettings {
  std::string path;               // made if it does not exist; its directory must
  std::size_t group_max = 1024;   // records in one flush at the most
};

// Opens or creates the log, takes it for this process alone, applies migrations, raises the epoch durably.
// Blocking. Errors, each naming the path and what to do: kUnavailable (missing directory, read-only, no permission,
// no space), kRefused (another process holds it; says which), kVersion (made by a newer release), kCorrupt (not
// a decision log, damaged, or durable settings that could not be set and read back).
[[nodiscard]] Result<std::unique_ptr<DecisionLog>> OpenSqliteDecisionLog(const SqliteLogSettings& settings);

}  // namespace settle::coordinator
