// Verifies the file of a log, or of a backup of one, that no daemon serves from: everything that a
// start checks, and the indices too.
//
//   Result<LogReport> report = VerifyLog("/backup/settle.db", [](std::uint64_t done, auto all) {});
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/decision_log.h"
#include "log/restored.h"

namespace settle::coordinator {

struct LogReport {
  std::string path;  // absolute
  std::string log_id;
  Epoch epoch = 0;         // the last one that was given out
  int schema_version = 0;  // of the file; an older one is verified as it will be read
  std::uint64_t bytes = 0;
  std::uint64_t first_position = 1;
  std::uint64_t last_position = 0;               // first_position - 1: there is no record
  std::map<std::string, std::uint64_t> records;  // by type, in words
  std::map<Epoch, std::uint64_t> epochs;  // records, by the epoch in which their transaction began
  LogTotals totals;                       // transactions that ended, pruned ones included
  std::uint64_t pruned = 0;               // of those: nothing but their numbers is left
  std::uint64_t in_doubt_count = 0;       // that have a record and no end
  std::vector<Gtid> in_doubt;             // those, oldest record first; kInDoubtShown at most
  std::optional<BackupMark> backup;       // nothing: a log
  std::vector<Restoration> restored{};    // from which copies it came
  std::string audit_damage{};  // of the audit trail, which decides nothing; empty: it is whole

  static constexpr std::size_t kInDoubtShown = 100;
};

// Records that were read, of how many.
using VerifyProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

// Blocking: reads the file from end to end, twice. Changes nothing in it; beside a log that was not
// stopped cleanly SQLite may make its -shm file. Errors as OpenSqliteDecisionLog, and kRefused if a
// daemon serves from it; kCorrupt says what is damaged, kVersion that a newer release wrote it.
[[nodiscard]] Result<LogReport> VerifyLog(const std::string& path, const VerifyProgress& progress);

}  // namespace settle::coordinator
