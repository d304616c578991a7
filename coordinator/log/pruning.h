// One step of pruning: the oldest records go, except those that are needed, which are appended
// again.
#pragma once

#include <cstdint>
#include <vector>

#include "log/log_state.h"
#include "log/needed_records.h"
#include "log/sqlite.h"
#include "log/sqlite_decision_log.h"

namespace settle::coordinator {

// A needed record that has a new position.
struct Moved {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  Subject subject;
};

// Within the caller's transaction; `state` is what holds once that is committed. No record goes
// unread: one that is damaged fails with SQLITE_CORRUPT. Ends with the record that reaches
// `bytes_max`.
[[nodiscard]] sqlite::Expected<std::vector<Moved>> Prune(sqlite::Connection& connection,
                                                         const NeededRecords& needed,
                                                         const PruneLimits& limits,
                                                         std::size_t bytes_max, LogState& state);

}  // namespace settle::coordinator
