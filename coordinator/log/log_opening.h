// How a log is opened: each check before the next step can do harm, and nothing handed out before
// the epoch is durable.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "log/decision_log.h"
#include "log/log_writer.h"
#include "log/process_lock.h"
#include "log/sqlite.h"
#include "log/sqlite_decision_log.h"
#include "migrations/coordinator.h"

namespace settle::coordinator {

struct OpenedLog {
  std::string path;  // absolute
  LogIdentity identity;
  std::uint64_t first_position = 1;
  std::uint64_t last_position = 0;  // first_position - 1 when there is no record
  std::string audit_damage;         // as VerifyAudit says
  ProcessLock lock;
  std::unique_ptr<LogWriter> writer;
  sqlite::Connection reader;
};

// As OpenSqliteDecisionLog, which see; `migrations` are the schema's versions that this program
// knows.
[[nodiscard]] Result<OpenedLog> OpenLog(const SqliteLogSettings& settings,
                                        std::span<const Migration> migrations);

// A log or backup that no daemon serves from, to be read alone: beside one without a -wal file
// nothing is written.
[[nodiscard]] Result<sqlite::Connection> OpenUnserved(const std::string& path, bool has_wal);

// One more read-only connection to an open log.
[[nodiscard]] Result<sqlite::Connection> OpenReader(const std::string& path,
                                                    std::chrono::milliseconds busy_timeout);

}  // namespace settle::coordinator
