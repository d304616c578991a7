#include <fmt/format.h>

#include "cli/dsn.h"
#include "cli/verb.h"
#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

// Where a barrier is, or is to be.
struct Target {
  bool sqlite = false;
  std::string name;  // libpq's connection string, or a path
  std::string text;  // as it was given
};

Result<Target> ParseTarget(const Given& given) {
  const std::string text = given.Option("dsn");
  constexpr std::string_view kSqlite = "sqlite:";
  constexpr std::string_view kPostgres = "postgresql:";
  if (text.starts_with(kSqlite) && text.size() > kSqlite.size()) {
    return Target{true, text.substr(kSqlite.size()), text};
  }
  const bool url = text.starts_with("postgresql://") || text.starts_with("postgres://");
  if (!url && !text.starts_with(kPostgres)) {
    return Fail(ErrorCode::kInvalid, "--dsn names no kind of database",
                "give postgresql:DSN, with DSN as libpq writes it, or sqlite:PATH");
  }
  Target target{false, url ? text : text.substr(kPostgres.size()), text};
  if (Status fits = CheckDsn(target.name); !fits) return Fail(std::move(fits).error());
  return target;
}

Answer Tell(const TablesInstalled& installed) {
  std::string text;
  for (const std::string& name : installed.applied) text += "applied " + name + "\n";
  const bool nothing = installed.applied.empty();
  text += nothing ? fmt::format("Settle's tables are there already, version {}; nothing was done\n",
                                installed.version)
                  : fmt::format(
                        "Settle's tables have version {} now (before: {})\n", installed.version,
                        installed.version_before == 0 ? "none"
                                                      : std::to_string(installed.version_before));
  return {.text = text,
          .json = {{"version", installed.version},
                   {"version_before", installed.version_before},
                   {"applied", installed.applied}}};
}

Result<Answer> Install(const Given& given, Surroundings&) {
  const Result<Target> target = ParseTarget(given);
  if (!target) return Fail(target.error());
  if (given.Has("print")) {
    const std::string sql =
        target->sqlite ? SqliteBarrier::InstallSql() : PostgresBarrier::InstallSql();
    return Answer{.text = sql, .json = {{"sql", sql}}};
  }
  const Result<TablesInstalled> installed = target->sqlite ? SqliteBarrier::Install(target->name)
                                                           : PostgresBarrier::Install(target->name);
  if (!installed) return Fail(installed.error());
  return Tell(*installed);
}

Result<Answer> Check(const Given& given, Surroundings&) {
  const Result<Target> target = ParseTarget(given);
  if (!target) return Fail(target.error());
  std::shared_ptr<Barrier> barrier;
  if (target->sqlite) {
    barrier = SqliteBarrier::Make({.path = target->name});
  } else {
    barrier = PostgresBarrier::Make({.dsn = target->name});
  }
  if (Status right = barrier->Check(); !right) return Fail(std::move(right).error());
  return Answer{.text = "the barrier is there, and of this release\n", .json = {{"ok", true}}};
}

VerbOption DsnOption() {
  return {"dsn", "TARGET", "the database: postgresql:DSN or sqlite:PATH", /*required=*/true};
}

}  // namespace

const Verb kBarrierInstall{
    .name = "barrier install",
    .operands = {},
    .options = {DsnOption(),
                {"print", "", "print the SQL for a database without them; touch nothing"}},
    .summary = "make or upgrade Settle's tables in a participant's database",
    .details =
        "Those of a barrier, its locks and counters, and of branches that are sites of three-phase "
        "commit, in the\n"
        "database that they write to; no coordinator is needed. All of it or nothing; where the\n"
        "tables are there already nothing is done. In PostgreSQL they go to the first schema of "
        "the search_path,\n"
        "and the role needs CREATE on it; what the participant's own role needs then is in "
        "docs/barrier.md. In\n"
        "SQLite the file must exist. A password must not stand in DSN, where everybody sees it: "
        "libpq takes it\n"
        "from ~/.pgpass, the file that PGPASSFILE names, or a service file (service=NAME). With "
        "--print the rest\n"
        "of TARGET may be left out: postgresql: alone.",
    .run = Install};

const Verb kBarrierCheck{
    .name = "barrier check",
    .operands = {},
    .options = {DsnOption()},
    .summary = "check the tables of a participant's barrier, as the participant does",
    .details =
        "Exit code 0: they are there, of this release, and the role may use them. 3: they "
        "are missing; 1: of\n"
        "another release, or the role lacks a privilege. Says what to run.",
    .run = Check};

}  // namespace settle::cli
