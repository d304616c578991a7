#include "sqlite/barrier_tables.h"

#include <memory>

#include "migrations/sqlite.h"
#include "settle/sqlite_barrier.h"
#include "sqlite/file.h"
#include "sqlite/store.h"
#include "vocabulary/shell_word.h"

namespace settle {
namespace sqlite {
namespace {

std::string InstallCommand(const std::string& path) {
  return "run: settle barrier install --dsn " + ShellWord("sqlite:" + Escaped(path));
}

Statement& BindMark(Statement& statement, const EndedThrough& mark) {
  return statement.Bind(1, std::string_view(mark.log_id))
      .Bind(2, static_cast<std::int64_t>(mark.epoch))
      .Bind(3, static_cast<std::int64_t>(mark.sequence));
}

}  // namespace

Status CheckTables(Connection& connection, const std::string& path) {
  const Result<std::int64_t> version = SchemaVersion(connection);
  if (!version) return Fail(version.error());
  if (*version == LatestVersion()) return {};
  if (*version == 0) {
    return Fail(ErrorCode::kNotFound, Escaped(path) + " does not have Settle's tables",
                InstallCommand(path));
  }
  const std::string have = "Settle's tables in " + Escaped(path) + " have version " +
                           std::to_string(*version) + ", this program needs " +
                           std::to_string(LatestVersion());
  if (*version < LatestVersion()) return Fail(ErrorCode::kVersion, have, InstallCommand(path));
  return Fail(ErrorCode::kVersion, have,
              "use a release of Settle at least as new as the one that made them");
}

Error Explain(Error error, const std::string& path) {
  if (error.message.find("no such table") != std::string::npos) {
    error.advice = InstallCommand(path);
  }
  return error;
}

Status RaiseMark(Connection& connection, const EndedThrough& mark) {
  Statement raise(connection,
                  "INSERT INTO settle_barrier_mark (log_id, epoch, sequence) VALUES (?1, ?2, ?3) "
                  "ON CONFLICT (log_id) DO UPDATE SET epoch = excluded.epoch, "
                  "sequence = excluded.sequence "
                  "WHERE (epoch, sequence) < (excluded.epoch, excluded.sequence)");
  const Result<bool> raised = BindMark(raise, mark).Step();
  if (!raised) return Fail(raised.error());
  return {};
}

Result<bool> RaiseMarkAndRemove(Connection& connection, const EndedThrough& mark, int most) {
  if (Status raised = RaiseMark(connection, mark); !raised) return Fail(std::move(raised).error());
  Statement remove(connection,
                   "DELETE FROM settle_barrier WHERE (log_id, epoch, sequence, gtid, branch, op, "
                   "seq) IN (SELECT log_id, epoch, sequence, gtid, branch, op, seq "
                   "FROM settle_barrier WHERE log_id = ?1 AND (epoch, sequence) <= (?2, ?3) "
                   "LIMIT ?4)");
  const Result<bool> removed = BindMark(remove, mark).Bind(4, std::int64_t{most}).Step();
  if (!removed) return removed;
  return sqlite3_changes64(connection.raw()) == most;
}

}  // namespace sqlite

Result<TablesInstalled> SqliteBarrier::Install(const std::string& path) {
  using namespace sqlite;  // NOLINT
  if (const Result<struct stat> there = Look(path); !there) return Fail(there.error());
  Result<std::unique_ptr<Connection>> opened =
      Connection::Open({.name = "barrier", .path = path, .on_connect = {}});
  if (!opened) return Fail(std::move(opened).error());
  if (Status right = RefuseDecisionLog(**opened, path); !right) {
    LeaveWal(**opened, path);
    return Fail(std::move(right).error());
  }
  const Result<std::int64_t> before = Migrate(**opened);
  if (!before) return Fail(before.error());
  TablesInstalled installed{static_cast<int>(*before), static_cast<int>(LatestVersion()), {}};
  for (const Migration& migration : migrations::sqlite()) {
    if (migration.version > *before) installed.applied.emplace_back(migration.name);
  }
  return installed;
}

std::string SqliteBarrier::InstallSql() { return sqlite::InstallSql(); }

}  // namespace settle
