// The trail of what operators asked the coordinator to do, as values. It decides nothing: recovery
// never reads it. docs/decision_log.md has its table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/origin.h"

namespace settle::coordinator {

// One row. First one that asks; then, once that is durable and the action was tried, one with the
// same texts, `answers` and a result.
struct AuditRow {
  WallTime at = 0;
  std::uint64_t answers = 0;  // the number of the row that asked; 0: this one asks
  std::string caller;         // as the connection proves it: server::Caller::text()
  std::string operator_name;  // as the caller says
  std::string action;         // "resolve to abort", "pause"
  std::string target;         // a gtid, a resource, "everything new"
  std::string reason;
  std::string result;  // "asked", "done", "done: ...", "refused: ...", "unknown: ..."

  friend bool operator==(const AuditRow&, const AuditRow&) = default;
};

// An action with what came of it.
struct AuditEntry {
  std::uint64_t number = 0;  // of the row that asked
  AuditRow asked;
  WallTime answered = 0;  // 0: no result is recorded; it may or may not have been done
  std::string result;     // "asked" while there is no other

  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

struct AuditQuery {
  std::uint64_t below = 0;  // only entries with lower numbers; 0: from the newest
  std::size_t most = 100;
  WallTime since = 0;
  std::string target{};         // exactly; empty: any
  std::string operator_name{};  // exactly; empty: any
};

struct AuditPage {
  std::vector<AuditEntry> entries;  // newest first
  bool more = false;
};

// What there is of the trail.
struct AuditTotals {
  std::uint64_t rows = 0;    // that are kept
  std::uint64_t pruned = 0;  // older ones that are not
  std::string damage{};      // found when the log was opened: which row, in words; empty if none

  friend bool operator==(const AuditTotals&, const AuditTotals&) = default;
};

}  // namespace settle::coordinator
