#include "postgres/tables.h"

#include <memory>

#include "migrations/postgresql.h"
#include "settle/postgres_barrier.h"
#include "settle/postgres_resource.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/shell_word.h"

namespace settle {
namespace postgres {
namespace {

using std::chrono_literals::operator""s;

constexpr auto kInstallPatience = 60s;  // for another program that installs

int Latest() { return migrations::postgresql().back().version; }

constexpr const char* kMakeVersions =
    "CREATE TABLE IF NOT EXISTS settle_migration (version int NOT NULL PRIMARY KEY, "
    "name text NOT NULL, applied timestamptz NOT NULL DEFAULT now())";

std::string NoteOf(const Migration& migration) {
  return "INSERT INTO settle_migration (version, name) VALUES (" +
         std::to_string(migration.version) + ", '" + std::string(migration.name) + "')";
}

std::string InstallCommand(const std::string& dsn) {
  const bool url = dsn.starts_with("postgresql://") || dsn.starts_with("postgres://");
  const Result<bool> secret = HoldsPassword(dsn);
  const bool shown = secret && !*secret;
  const std::string target = !shown ? "postgresql:DSN" : url ? dsn : "postgresql:" + dsn;
  return "settle barrier install --dsn " + ShellWord(target);
}

Status CheckVersion(int version, const std::string& dsn) {
  if (version == Latest()) return {};
  if (version == 0) {
    return Fail(ErrorCode::kNotFound, "the database does not have Settle's tables",
                "run: " + InstallCommand(dsn));
  }
  const std::string have = "Settle's tables in the database have version " +
                           std::to_string(version) + ", this program needs " +
                           std::to_string(Latest());
  if (version < Latest()) return Fail(ErrorCode::kVersion, have, "run: " + InstallCommand(dsn));
  return Fail(ErrorCode::kVersion, have,
              "use a release of Settle at least as new as the one that made them");
}

// 0: there are none.
Result<int> ReadVersion(Connection& connection, const std::string& tables,
                        Clock::time_point deadline) {
  const Reply there =
      connection.Run({"SELECT pg_catalog.to_regclass('settle_migration') IS NOT NULL, "
                      "pg_catalog.pg_is_in_recovery()"},
                     deadline);
  if (!there.ok()) return Fail(ErrorCode::kUnavailable, there.words());
  if (there.value(1) == "t") {
    return Fail(ErrorCode::kUnavailable, "the server is a standby and cannot be written to",
                "point the dsn at the primary, e.g. with target_session_attrs=read-write");
  }
  if (there.value(0) == "f") return 0;
  const Reply version =
      connection.Run({"SELECT coalesce(max(version), 0) FROM settle_migration"}, deadline);
  if (!version.ok()) return Fail(Explain(version, connection, tables));
  return std::stoi(version.value(0));
}

std::string HowToGrant(const Connection& connection, const std::string& tables) {
  const std::string& role = connection.facts().role;
  return "run as the tables' owner: GRANT SELECT, INSERT, UPDATE, DELETE ON " + tables + " TO " +
         role + "; GRANT SELECT ON settle_migration TO " + role;
}

Status CheckPrivileges(Connection& connection, const std::string& tables,
                       Clock::time_point deadline) {
  const Reply missing = connection.Run(
      {"SELECT string_agg(p || ' on ' || t, ', ') FROM unnest(string_to_array($1, ', ')) t, "
       "unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p "
       "WHERE NOT has_table_privilege(t, p)",
       {tables}},
      deadline);
  if (!missing.ok()) return Fail(Explain(missing, connection, tables));
  if (missing.null(0)) return {};
  return Fail(ErrorCode::kDenied,
              "the role " + connection.facts().role + " lacks " + missing.value(0),
              HowToGrant(connection, tables));
}

// Several statements in one text.
Status RunScript(Connection& connection, const std::string& sql) {
  const Reply reply(PQexec(connection.raw(), sql.c_str()), PQerrorMessage(connection.raw()));
  if (reply.ok()) return {};
  const ErrorCode code = reply.lost() ? ErrorCode::kUnavailable : CodeFor(reply);
  return Fail(code, "nothing was changed: " + reply.words());
}

// Where the connection is lost in here, the server may have committed before.
Status Commit(Connection& connection) {
  const Reply reply(PQexec(connection.raw(), "COMMIT"), PQerrorMessage(connection.raw()));
  if (reply.ok()) return {};
  if (!reply.lost()) return Fail(CodeFor(reply), "nothing was changed: " + reply.words());
  return Fail(ErrorCode::kUnavailable,
              "the connection was lost at the commit, so that it is not known whether all was "
              "changed or nothing: " +
                  reply.words(),
              "run it again: what is there already is left as it is");
}

Status Apply(Connection& connection, TablesInstalled& installed) {
  // One after the other, when two programs do it at once: whoever comes second must see what the
  // first one did, whatever isolation the database gives by default.
  Status done = RunScript(connection,
                          "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT "
                          "pg_advisory_xact_lock(hashtext('settle_migration')); " +
                              std::string(kMakeVersions));
  if (!done) return done;
  const Result<int> version =
      ReadVersion(connection, kBarrierTables, Clock::now() + kInstallPatience);
  if (!version) return Fail(version.error());
  installed = {.version_before = *version, .version = *version, .applied = {}};
  if (*version > Latest()) return CheckVersion(*version, "");
  for (const Migration& migration : migrations::postgresql()) {
    if (migration.version <= *version) continue;
    done = RunScript(connection, std::string(migration.sql) + NoteOf(migration));
    if (!done) return done;
    SETTLE_FAILPOINT("postgres.migrated");  // a crash here leaves the version that was there
    installed.version = migration.version;
    installed.applied.emplace_back(migration.name);
  }
  return Commit(connection);
}

}  // namespace

Status CheckTables(Connection& connection, const std::string& dsn, const std::string& tables,
                   Clock::time_point deadline) {
  const Result<int> version = ReadVersion(connection, tables, deadline);
  if (!version) return Fail(version.error());
  if (Status right = CheckVersion(*version, dsn); !right) return right;
  return CheckPrivileges(connection, tables, deadline);
}

Error Explain(const Reply& reply, const Connection& connection, const std::string& tables) {
  Error error{CodeFor(reply), reply.words(), ""};
  const std::string sqlstate = reply.sqlstate();
  if (sqlstate == "42501") error.advice = HowToGrant(connection, tables);
  if (sqlstate == "42P01" || sqlstate == "42703") {
    error.advice = "Settle's tables are missing or old: see 'settle barrier check'";
  }
  return error;
}

Statement RaiseMark(const EndedThrough& mark) {
  return {
      "INSERT INTO settle_barrier_mark AS m (log_id, epoch, sequence) VALUES ($1, $2, $3) "
      "ON CONFLICT (log_id) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence "
      "WHERE (m.epoch, m.sequence) < (excluded.epoch, excluded.sequence)",
      {mark.log_id, std::to_string(mark.epoch), std::to_string(mark.sequence)}};
}

}  // namespace postgres

Result<TablesInstalled> PostgresBarrier::Install(const std::string& dsn) {
  Result<std::unique_ptr<postgres::Connection>> connection = postgres::Connection::Open(
      {.who = "the database", .application = "settle barrier install", .dsn = dsn});
  if (!connection) return Fail(std::move(connection).error());
  TablesInstalled installed;
  if (Status applied = postgres::Apply(**connection, installed); !applied) {
    return Fail(std::move(applied).error());
  }
  return installed;
}

std::string PostgresBarrier::InstallSql() {
  std::string sql = "BEGIN;\n" + std::string(postgres::kMakeVersions) + ";\n\n";
  for (const Migration& migration : migrations::postgresql()) {
    sql += std::string(migration.sql) + postgres::NoteOf(migration) + ";\n\n";
  }
  return sql + "COMMIT;\n";
}

}  // namespace settle
