#include "sqlite/store.h"

#include "migrations/sqlite.h"
#include "settle/vocabulary/failpoint.h"
#include "settle/vocabulary/gtid.h"

namespace settle::sqlite {
namespace {

constexpr const char* kMakeVersions =
    "CREATE TABLE IF NOT EXISTS settle_migration ("
    "version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT";

std::string NoteOf(const Migration& migration) {
  return "INSERT INTO settle_migration (version, name) VALUES (" +
         std::to_string(migration.version) + ", '" + std::string(migration.name) + "')";
}

// What is there, which this program must know.
Result<std::int64_t> KnownVersion(Connection& connection) {
  const Result<std::int64_t> version = SchemaVersion(connection);
  if (!version || *version <= LatestVersion()) return version;
  return Fail(ErrorCode::kVersion,
              "Settle's tables in this file have version " + std::to_string(*version) +
                  ", this program knows up to " + std::to_string(LatestVersion()),
              "use a release of Settle at least as new as the one that made them");
}

Result<std::int64_t> ApplyMigrations(Connection& connection) {
  // Read again: another process, perhaps of a newer release, may have been at it.
  const Result<std::int64_t> version = KnownVersion(connection);
  if (!version) return Fail(version.error());
  if (Status made = connection.Run(kMakeVersions); !made) return Fail(made.error());
  for (const Migration& migration : migrations::sqlite()) {
    if (migration.version <= *version) continue;
    if (Status run = connection.Run(std::string(migration.sql)); !run) {
      return Fail(run.error());
    }
    if (Status noted = connection.Run(NoteOf(migration)); !noted) return Fail(noted.error());
    SETTLE_FAILPOINT("sqlite.migrated");  // a crash here leaves the version that was there
  }
  if (Status committed = connection.Commit(); !committed) return Fail(committed.error());
  return version;
}

// Runs a statement that gives no rows.
Status Do(Statement& statement) {
  const Result<bool> row = statement.Step();
  if (!row) return Fail(row.error());
  return {};
}

}  // namespace

Status RefuseDecisionLog(Connection& connection, const std::string& path) {
  constexpr const char* kDecisionLog = "1400138853";  // 0x53746c65, docs/decision_log.md
  const Result<std::string> kind = connection.Ask("PRAGMA application_id");
  if (!kind) return Fail(kind.error());
  if (*kind != kDecisionLog) return {};
  return Fail(ErrorCode::kInvalid,
              Escaped(path) +
                  " is the decision log of a Settle coordinator, not a database "
                  "of an application; nothing was written to it",
              "give the file with the application's tables");
}

Result<std::int64_t> SchemaVersion(Connection& connection) {
  const Result<std::string> exists =
      connection.Ask("SELECT count(*) FROM sqlite_schema WHERE name = 'settle_migration'");
  if (!exists) return Fail(exists.error());
  if (*exists == "0") return 0;
  const Result<std::string> version =
      connection.Ask("SELECT coalesce(max(version), 0) FROM settle_migration");
  if (!version) return Fail(version.error());
  return std::stoll(*version);
}

std::int64_t LatestVersion() { return migrations::sqlite().back().version; }

std::string InstallSql() {
  std::string sql = "BEGIN IMMEDIATE;\n" + std::string(kMakeVersions) + ";\n\n";
  for (const Migration& migration : migrations::sqlite()) {
    sql += std::string(migration.sql) + NoteOf(migration) + ";\n\n";
  }
  return sql + "COMMIT;\n";
}

Result<std::int64_t> Migrate(Connection& connection) {
  const Result<std::int64_t> version = KnownVersion(connection);
  if (!version || *version == LatestVersion()) return version;
  SETTLE_FAILPOINT("sqlite.before_migrations");
  if (Status begun = connection.BeginImmediate(); !begun) return Fail(begun.error());
  Result<std::int64_t> applied = ApplyMigrations(connection);
  if (!applied) connection.Rollback();
  return applied;
}

Result<std::string> ReadFileId(Connection& connection) {
  Result<std::string> id = connection.Ask("SELECT id FROM settle_identity");
  if (id && id->empty()) {
    return Fail(ErrorCode::kCorrupt, "settle_identity is empty: what this file is cannot be told",
                "restore the row, or drop Settle's tables if nothing is prepared in the file");
  }
  return id;
}

Result<std::optional<std::string>> FindStagedName(Connection& connection) {
  Statement find(connection, "SELECT branch FROM settle_prepared");
  const Result<bool> row = find.Step();
  if (!row) return Fail(row.error());
  return *row ? std::optional(find.Text(0)) : std::nullopt;
}

Result<std::optional<StagedBranch>> FindStaged(Connection& connection, const std::string& name) {
  Statement find(connection,
                 "SELECT changeset, ops, schema_version, definitions, checksum, branch"
                 " FROM settle_prepared"
                 " WHERE branch = ?1 OR substr(branch, 1, length(?1) + 1) = ?1 || ':'");
  find.Bind(1, std::string_view(name));
  const Result<bool> row = find.Step();
  if (!row) return Fail(row.error());
  if (!*row) return std::nullopt;
  std::string changeset = find.Blob(0);
  if (Hash(changeset) != find.Text(4)) {
    return Fail(ErrorCode::kCorrupt, "the staged changes are damaged: their checksum is wrong");
  }
  Result<Changes> changes = ReadChanges(std::move(changeset));
  if (!changes) return Fail(changes.error());
  return StagedBranch{find.Text(5), *std::move(changes), find.Int(1), find.Text(2), find.Text(3)};
}

Status Stage(Connection& connection, const StagedBranch& staged) {
  const std::string checksum = Hash(staged.changes.changeset);
  Statement insert(connection,
                   "INSERT INTO settle_prepared"
                   " (slot, branch, changeset, ops, schema_version, definitions, checksum)"
                   " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)");
  insert.Bind(1, std::string_view(staged.name)).BindBlob(2, staged.changes.changeset);
  insert.Bind(3, staged.recorded_ops).Bind(4, std::string_view(staged.schema_version));
  insert.Bind(5, std::string_view(staged.definitions));
  insert.Bind(6, std::string_view(checksum));
  return Do(insert);
}

Status Unstage(Connection& connection, const std::string& name) {
  Statement remove(connection,
                   "DELETE FROM settle_prepared"
                   " WHERE branch = ?1 OR substr(branch, 1, length(?1) + 1) = ?1 || ':'");
  remove.Bind(1, std::string_view(name));
  return Do(remove);
}

Result<NoteRange> ReadNoteRange(Connection& connection) {
  Statement range(connection,
                  "SELECT (SELECT min(position) FROM settle_outcome),"
                  " (SELECT max(position) FROM settle_outcome)");
  const Result<bool> row = range.Step();
  if (!row) return Fail(row.error());
  return NoteRange{range.Int(0), range.Int(1)};
}

Result<std::optional<BranchEnd>> FindNote(Connection& connection, const std::string& name) {
  Statement find(connection, "SELECT outcome FROM settle_outcome WHERE branch = ?1");
  find.Bind(1, std::string_view(name));
  const Result<bool> row = find.Step();
  if (!row) return Fail(row.error());
  if (!*row) return std::nullopt;
  return find.Text(0) == "committed" ? BranchEnd::kCommitted : BranchEnd::kAborted;
}

Status AddNote(Connection& connection, const std::string& name, BranchEnd end) {
  Statement insert(connection, "INSERT INTO settle_outcome (branch, outcome) VALUES (?1, ?2)");
  insert.Bind(1, std::string_view(name)).Bind(2, std::string_view(ToString(end)));
  if (Status inserted = Do(insert); !inserted) return inserted;
  Statement prune(connection, "DELETE FROM settle_outcome WHERE position <= ?1");
  prune.Bind(1, sqlite3_last_insert_rowid(connection.raw()) - kNotesKept);
  return Do(prune);
}

}  // namespace settle::sqlite
