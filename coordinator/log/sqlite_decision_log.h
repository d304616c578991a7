// The decision log in one SQLite file (WAL, synchronous=FULL), written by one thread in
// self-clocking groups: a group is whatever queued while the last one was being flushed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "log/decision_log.h"

namespace settle::coordinator {

// How much stays. Older ended transactions are pruned: of those it is only known that they ended.
struct PruneLimits {
  // Ended transactions. A count and not an age: a clock that jumps must not empty the log.
  std::uint64_t keep_ended = 1'000'000;
  // Records that one transaction on the log removes at the most, or twice as many as were appended
  // since the last one.
  std::size_t step = 256;
};

// Rows of the audit trail that are kept if nothing else is said: two for each action.
inline constexpr std::uint64_t kKeepAudit = 1'000'000;

struct SqliteLogSettings {
  std::string path;                       // made if it does not exist; its directory must
  std::size_t group_max = 1024;           // records in one flush at the most
  int checkpoint_pages = 1000;            // of the -wal file, from which it is folded into the log
  PruneLimits prune{};                    // nothing is pruned in a life that did not replay the log
  std::uint64_t keep_audit = kKeepAudit;  // rows of the audit trail; older ones go
  std::chrono::milliseconds lazy_delay{50};      // before lazy records alone are written
  std::chrono::milliseconds busy_timeout{5000};  // for another program's lock; then kRefused
};

// Opens or creates the log, takes it for this process alone, applies migrations, raises the epoch
// durably. Blocking: reads the file once from end to end. Errors, each naming the path and what to
// do:
//   kUnavailable  missing directory, read-only, wrong owner or permissions, no space, I/O error,
//                 locked by another program
//   kRefused      another process, or this one already, has it open; says which
//   kVersion      made by a newer release
//   kCorrupt      not a decision log, damaged, its -wal file missing or damaged, or durable
//                 settings that could not be set and read back
//   kInvalid      the path does not name a file
// A log that was not closed (the process was killed) opens like any other: with everything
// acknowledged.
//
// After kUnknown the log is left exactly as it is, for the next start to read.
[[nodiscard]] Result<std::unique_ptr<DecisionLog>> OpenSqliteDecisionLog(
    const SqliteLogSettings& settings);

}  // namespace settle::coordinator
