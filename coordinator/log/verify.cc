#include "log/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "log/audit_table.h"
#include "log/failures.h"
#include "log/log_checks.h"
#include "log/log_file.h"
#include "log/log_opening.h"
#include "log/log_reader.h"
#include "log/meta.h"
#include "log/needed_records.h"
#include "log/process_lock.h"
#include "log/record_codec.h"
#include "log/wal_check.h"
#include "migrations/coordinator.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Statement;

constexpr std::uint64_t kRecordsPerStep = 1'000;  // between two calls of `progress`

// What SQLite keeps of a schema: each object with the words that made it.
Result<std::string> SchemaOf(Connection& connection, const std::string& path) {
  Expected<Statement> rows = Statement::Prepare(
      connection, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name");
  if (!rows) return Fail(ErrorOf(rows.error(), path, "read its schema"));
  std::string schema;
  for (;;) {
    const Expected<bool> row = rows->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "read its schema"));
    if (!*row) return schema;
    for (int column = 0; column < 4; ++column) {
      schema.append(rows->Bytes(column)).push_back('\0');
    }
  }
}

Status CheckSchemaText(Connection& connection, const std::string& path, int version) {
  Expected<Connection> made = Connection::OpenTemporary();
  if (!made) return Fail(ErrorOf(made.error(), path, "make its schema anew"));
  const auto all = migrations::coordinator();
  const auto known =
      all.subspan(0, std::min<std::size_t>(all.size(), static_cast<std::size_t>(version)));
  if (Status migrated = Migrate(*made, path, known); !migrated) return migrated;
  const Result<std::string> right = SchemaOf(*made, path);
  if (!right) return Fail(right.error());
  const Result<std::string> is = SchemaOf(connection, path);
  if (!is) return Fail(is.error());
  if (*is == *right) return {};
  return Fail(
      ErrorCode::kCorrupt,
      fmt::format("{} is damaged: its tables are not those of schema version {}", path, version),
      "nothing may be presumed from a damaged log: keep it, and restore a backup");
}

// A schema of an earlier release is read as the next start will: brought up to date, in a copy that
// goes by itself.
Result<Connection> Updated(Connection& connection, const std::string& path) {
  Expected<Connection> copy = Connection::OpenTemporary();
  if (!copy) return Fail(ErrorOf(copy.error(), path, "copy it"));
  if (auto copied = connection.CopyTo(*copy); !copied) {
    return Fail(ErrorOf(copied.error(), path, "copy it"));
  }
  if (Status migrated = Migrate(*copy, path, migrations::coordinator()); !migrated) {
    return Fail(migrated.error());
  }
  return *std::move(copy);
}

// Of a file with the newest schema.
Status ReadAll(Connection& connection, const std::string& path, const VerifyProgress& progress,
               LogReport& report) {
  const Result<LogState> state = CountWhatIsThere(connection, path);
  if (!state) return Fail(state.error());
  const Expected<std::string> audit = VerifyAudit(connection, state->audit);
  if (!audit) return Fail(ErrorOf(audit.error(), path, "read the audit trail"));
  report.audit_damage = *audit;
  report.first_position = state->pruned.first_position;
  report.last_position = state->next_position - 1;
  report.totals = state->totals;
  report.pruned = state->pruned.transactions;
  if (const auto seals = ReadSeals(connection, path); !seals) return Fail(seals.error());
  auto restored = ReadRestorations(connection, path);
  if (!restored) return Fail(restored.error());
  report.restored = *std::move(restored);
  const std::uint64_t all = report.last_position + 1 - report.first_position;
  std::uint64_t done = 0;
  NeededRecords needed;
  const auto visit = [&](const Place& place, const Record& record) {
    ++report.records[TypeName(record)];
    const Subject subject = SubjectOf(record);
    if (!subject.gtid.empty()) ++report.epochs[subject.gtid.epoch()];
    needed.Add(place.position, subject);
    if (++done % kRecordsPerStep == 0 && progress) progress(done, all);
  };
  Status read = ReplayRecords(connection, path, report.first_position, report.last_position, visit);
  if (!read) return read;
  if (progress) progress(done, all);
  report.in_doubt = needed.OpenTransactions();
  report.in_doubt_count = report.in_doubt.size();
  report.in_doubt.resize(std::min(report.in_doubt.size(), LogReport::kInDoubtShown));
  return {};
}

// SQLite reads what was cut off the last page as zeros.
Status CheckSize(Connection& connection, const LogReport& report) {
  std::uint64_t pages = 0;
  std::uint64_t page_size = 0;
  const auto count = connection.Ask("PRAGMA page_count");
  const auto size = connection.Ask("PRAGMA page_size");
  if (count && size && ParseNumber(*count, pages) && ParseNumber(*size, page_size) &&
      report.bytes == pages * page_size) {
    return {};
  }
  return Fail(
      ErrorCode::kCorrupt,
      fmt::format("{} has {} bytes, and says that it has {} pages of {}: it was cut off, or "
                  "something was added to it",
                  report.path, report.bytes, pages, page_size),
      "nothing may be presumed from a damaged log: keep it, and restore a backup");
}

Status CheckMark(const LogReport& report) {
  if (!report.backup) return {};
  if (report.backup->epoch == report.epoch && report.backup->position == report.last_position) {
    return {};
  }
  if (report.backup->position == 0 && report.last_position + 1 == report.first_position) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is a backup of epoch {} up to position {}, but holds epoch {} up to "
                          "position {}",
                          report.path, report.backup->epoch, report.backup->position, report.epoch,
                          report.last_position),
              "keep the file, and use another backup");
}

Status Verify(Connection& connection, bool has_wal, const VerifyProgress& progress,
              LogReport& report) {
  const std::string& path = report.path;
  if (Status known = CheckSchema(connection, path, migrations::coordinator()); !known) return known;
  const Expected<std::string> version = connection.Ask("PRAGMA user_version");
  if (!version) return Fail(ErrorOf(version.error(), path, "read its schema version"));
  ParseNumber(*version, report.schema_version);
  if (Status sound = CheckStructure(connection, path, Structure::kFull); !sound) return sound;
  if (Status whole = has_wal ? Status() : CheckSize(connection, report); !whole) return whole;
  if (Status same = CheckSchemaText(connection, path, report.schema_version); !same) return same;
  const Result<LogFacts> facts = ReadFacts(connection, path);
  if (!facts) return Fail(facts.error());
  if (Status whole = CheckTail(*facts, has_wal, path); !whole) return whole;
  report.log_id = facts->log_id;
  report.epoch = facts->epoch;
  auto mark = ReadBackupMark(connection, path);
  if (!mark) return Fail(mark.error());
  report.backup = *mark;
  const bool newest = report.schema_version == migrations::coordinator().back().version;
  if (newest) {
    if (Status read = ReadAll(connection, path, progress, report); !read) return read;
  } else {
    Result<Connection> updated = Updated(connection, path);
    if (!updated) return Fail(updated.error());
    if (Status read = ReadAll(*updated, path, progress, report); !read) return read;
  }
  return CheckMark(report);
}

}  // namespace

Result<LogReport> VerifyLog(const std::string& path, const VerifyProgress& progress) {
  LogReport report;
  Result<std::string> resolved = ResolveLogPath(path);
  if (!resolved) return Fail(resolved.error());
  report.path = *std::move(resolved);
  if (Status readable = CheckReadable(report.path); !readable) return Fail(readable.error());
  const Result<ProcessLock> unused = ProcessLock::TakeIfThere(report.path);
  if (!unused) return Fail(unused.error());
  const Result<bool> has_wal = CheckWal(report.path);
  if (!has_wal) return Fail(has_wal.error());
  Result<Connection> connection = OpenUnserved(report.path, *has_wal);
  if (!connection) return Fail(connection.error());
  std::error_code ignored;
  report.bytes = std::filesystem::file_size(report.path, ignored);
  if (Status sound = Verify(*connection, *has_wal, progress, report); !sound) {
    return Fail(sound.error());
  }
  return report;
}

}  // namespace settle::coordinator
