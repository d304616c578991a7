// A participant's own tables, made by each older release, are upgraded by this one.
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "migrations/postgresql.h"
#include "migrations/sqlite.h"
#include "sdk/barrier/barrier_test_base.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

// What a release of that version may have written, for good, into the tables that it had.
const std::map<std::string, std::pair<std::string, std::string>> kKept{
    {"settle_barrier",
     {"INSERT INTO settle_barrier (log_id, epoch, sequence, gtid, branch, op, reason, result) "
      "VALUES ('k', 1, 1, 'k.1.1.a', 1, 'action', 'action', '{\"seat\": 12}')",
      "SELECT gtid || op || result FROM settle_barrier"}},
    {"settle_barrier_mark",
     {"INSERT INTO settle_barrier_mark VALUES ('k', 3, 7)",
      "SELECT log_id || epoch || '.' || sequence FROM settle_barrier_mark"}},
    {"settle_lock",
     {"INSERT INTO settle_lock VALUES ('seat 12', 41, 'k.1.1.a')",
      "SELECT name || token || owner FROM settle_lock"}},
    {"settle_counter",
     {"INSERT INTO settle_counter (name, value, taking, low, high) VALUES ('seats', 9, 2, 0, 99)",
      "SELECT name || value || '.' || taking || '.' || high FROM settle_counter"}},
    {"settle_reservation",
     {"INSERT INTO settle_reservation VALUES ('k.1.1.a', 1, 'seats', -2)",
      "SELECT gtid || counter || amount FROM settle_reservation"}},
    {"settle_three_phase",
     {"INSERT INTO settle_three_phase VALUES "
      "('settle:k.1.1.a:1', 'k', 1, 1, 'waiting', '1.0', '1.0', '', '', '1=bank@', '')",
      "SELECT branch || state || roster FROM settle_three_phase"}},
    {"settle_prepared",
     {"INSERT INTO settle_prepared (slot, branch, changeset, checksum, ops, schema_version, "
      "definitions) VALUES (1, 'settle:k.1.1.a:1', x'00ff', 'sum', 1, 1, 'none')",
      "SELECT branch || hex(changeset) || checksum FROM settle_prepared"}},
    {"settle_outcome",
     {"INSERT INTO settle_outcome VALUES (1, 'settle:k.1.1.b:1', 'committed')",
      "SELECT position || branch || outcome FROM settle_outcome"}},
};

// It has come to its failpoint and stands still there.
bool AwaitStop(pid_t process) {
  int status = 0;
  return ::waitpid(process, &status, WUNTRACED) == process && WIFSTOPPED(status);
}

class Upgrade : public ::testing::TestWithParam<BarrierWorld::Kind> {
 protected:
  bool on_postgres() const { return GetParam() == BarrierWorld::Kind::kPostgres; }
  auto migrations() const {
    return on_postgres() ? migrations::postgresql() : migrations::sqlite();
  }
  int latest() const { return migrations().back().version; }

  // As a release of that version left it: its migrations, whose files are never changed, and rows.
  void MakeOld(BarrierWorld& world, int version) const {
    world.Query(on_postgres()
                    ? "CREATE TABLE settle_migration (version int NOT NULL PRIMARY KEY, name text "
                      "NOT NULL, applied timestamptz NOT NULL DEFAULT now())"
                    : "PRAGMA journal_mode = WAL; CREATE TABLE settle_migration (version INTEGER "
                      "NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT");
    for (const Migration& migration : migrations()) {
      if (migration.version > version) continue;
      world.Query(std::string(migration.sql));
      world.Query("INSERT INTO settle_migration (version, name) VALUES (" +
                  std::to_string(migration.version) + ", '" + std::string(migration.name) + "')");
    }
    for (const std::string& table : Tables(world)) {
      if (const auto row = kKept.find(table); row != kKept.end()) world.Query(row->second.first);
    }
  }

  std::vector<std::string> Tables(BarrierWorld& world) const {
    std::vector<std::string> tables;
    for (const auto& [table, row] : kKept) {
      const std::string there =
          on_postgres()
              ? "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname = '" + table + "'"
              : "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '" + table +
                    "'";
      if (world.Query(there) == "1") tables.push_back(table);
    }
    return tables;
  }
  // The rows of tables that were there, and which database it is.
  std::string Contents(BarrierWorld& world, const std::vector<std::string>& tables) const {
    std::string all = on_postgres() ? "" : world.Query("SELECT id FROM settle_identity");
    for (const std::string& table : tables)
      all += "\n" + table + ": " + world.Query(kKept.at(table).second);
    return all;
  }
  // Columns, constraints and indices.
  std::string Schema(BarrierWorld& world) const {
    if (!on_postgres()) {
      return world.Query(
          "SELECT group_concat(name || sql) FROM (SELECT name, sql FROM sqlite_schema WHERE "
          "tbl_name GLOB 'settle_*' AND sql IS NOT NULL ORDER BY name)");
    }
    return world.Query(
               "SELECT string_agg(table_name || column_name || data_type || is_nullable || "
               "coalesce(column_default, ''), ', ' ORDER BY table_name, ordinal_position) "
               "FROM information_schema.columns WHERE table_name LIKE 'settle_%'") +
           world.Query(
               "SELECT string_agg(indexdef, ', ' ORDER BY indexname) FROM pg_indexes "
               "WHERE tablename LIKE 'settle_%'") +
           world.Query(
               "SELECT string_agg(pg_get_constraintdef(oid), ', ' ORDER BY conname) "
               "FROM pg_constraint WHERE conrelid::regclass::text LIKE 'settle_%'");
  }
  std::string Version(BarrierWorld& world) const {
    return world.Query("SELECT max(version) FROM settle_migration");
  }

  // Installs in a process of its own.
  pid_t Start(const BarrierWorld& world, std::vector<std::string> environment = {}) const {
    return StartProcess(
        {.arguments = {std::string(std::getenv("SETTLE_BIN")) + "/settle_barrier_worker",
                       world.target(), "install", "0"},
         .output_path = directory_ / "output",
         .environment = std::move(environment)});
  }
  pid_t StartAt(const BarrierWorld& world, const std::string& place, const std::string& how) const {
    std::filesystem::remove(fired_);
    return Start(world, {"SETTLE_FAILPOINT=" + place, "SETTLE_FAILPOINT_HOW=" + how,
                         "SETTLE_FAILPOINT_FIRED=" + fired_});
  }
  bool Fired() const { return std::filesystem::exists(fired_); }
  std::string place() const { return on_postgres() ? "postgres.migrated" : "sqlite.migrated"; }

  const TemporaryDirectory directory_;
  const std::string fired_ = directory_ / "fired";
};
SETTLE_FOR_EACH_DATABASE(Upgrade);

TEST_P(Upgrade, L08_FromEveryOlderVersionWhatIsInTheTablesStays) {
  const auto fresh = BarrierWorld::Make(GetParam());
  ASSERT_TRUE(fresh->Install());
  ASSERT_EQ(Tables(*fresh).size(), on_postgres() ? 6U : 8U)
      << "a table that this test has no row for";
  for (int version = 1; version < latest(); ++version) {
    SCOPED_TRACE(version);
    const auto world = BarrierWorld::Make(GetParam());
    MakeOld(*world, version);
    const std::vector<std::string> tables = Tables(*world);
    const std::string before = Contents(*world, tables);
    const auto installed = world->Install();
    ASSERT_TRUE(installed) << Describe(installed.error());
    EXPECT_EQ(installed->version_before, version);
    EXPECT_EQ(installed->applied.size(), static_cast<std::size_t>(latest() - version));
    EXPECT_EQ(Contents(*world, tables), before);
    EXPECT_EQ(Schema(*world), Schema(*fresh));
    EXPECT_TRUE((**world->Open()).Check());
  }
}

// All steps are one transaction, so a kill in any of them leaves the old version, whole.
TEST_P(Upgrade, L08_KilledAtEachStepItStaysWhatItWasAndTheNextOneGoesOn) {
  for (int version = 0; version < latest(); ++version) {
    const auto world = BarrierWorld::Make(GetParam());
    if (version > 0) MakeOld(*world, version);
    const std::vector<std::string> tables = Tables(*world);
    const std::string before = version > 0 ? Contents(*world, tables) : "";
    const std::string schema = version > 0 ? Schema(*world) : "";
    for (int step = version + 1; step <= latest(); ++step) {
      SCOPED_TRACE(std::to_string(version) + " to " + std::to_string(step));
      const int status =
          AwaitProcess(StartAt(*world, place() + ":" + std::to_string(step - version), "kill"));
      ASSERT_TRUE(Fired()) << TailOf(directory_ / "output");
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
      EXPECT_EQ(Tables(*world), tables);
      if (version == 0) continue;
      EXPECT_EQ(Version(*world), std::to_string(version));
      EXPECT_EQ(Schema(*world), schema);
      EXPECT_EQ(Contents(*world, tables), before);
    }
    const auto installed = world->Install();
    ASSERT_TRUE(installed) << Describe(installed.error());
    EXPECT_EQ(installed->applied.size(), static_cast<std::size_t>(latest() - version));
    if (version == 0) continue;
    EXPECT_EQ(Contents(*world, tables), before);
  }
}

// The first one is stopped in the middle while the second one comes, and goes on afterwards. A
// database may have its transactions see nothing of what others commit meanwhile.
TEST_P(Upgrade, L08_TwoProcessesAtOnceDoItOnceWhateverTheIsolationOfTheDatabase) {
  for (const char* isolation : {"read committed", "repeatable read", "serializable"}) {
    SCOPED_TRACE(isolation);
    const auto world = BarrierWorld::Make(GetParam());
    MakeOld(*world, 1);
    if (on_postgres()) {
      world->Query(std::string("ALTER DATABASE shop SET default_transaction_isolation = '") +
                   isolation + "'");
    }
    const pid_t first = StartAt(*world, place(), "freeze");
    ASSERT_TRUE(AwaitStop(first)) << TailOf(directory_ / "output");
    ASSERT_TRUE(Fired());
    const pid_t second = Start(*world);
    EXPECT_TRUE(world->AwaitBlocked());
    ::kill(first, SIGCONT);
    EXPECT_EQ(AwaitProcess(first), 0) << TailOf(directory_ / "output");
    EXPECT_EQ(AwaitProcess(second), 0) << TailOf(directory_ / "output");
    EXPECT_THAT(TailOf(directory_ / "output"),
                ::testing::AllOf(HasSubstr("applied " + std::to_string(latest() - 1)),
                                 HasSubstr("applied 0")));
    EXPECT_EQ(world->Query("SELECT count(*) FROM settle_migration"), std::to_string(latest()));
  }
}

// Somebody with a newer release comes between the look at the version and the upgrade.
TEST(UpgradeOfAFile, L08_ANewerReleaseThatWasFasterIsRefusedByName) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kSqlite);
  ASSERT_TRUE(world->Install());
  world->Query("DROP TABLE settle_three_phase; DELETE FROM settle_migration WHERE version = 4");
  const TemporaryDirectory directory;
  const pid_t older = StartProcess(
      {.arguments = {std::string(std::getenv("SETTLE_BIN")) + "/settle_barrier_worker",
                     world->target(), "install", "0"},
       .output_path = directory / "output",
       .environment = {"SETTLE_FAILPOINT=sqlite.before_migrations", "SETTLE_FAILPOINT_HOW=freeze",
                       "SETTLE_FAILPOINT_FIRED=" + (directory / "fired")}});
  ASSERT_TRUE(AwaitStop(older)) << TailOf(directory / "output");
  ASSERT_TRUE(std::filesystem::exists(directory / "fired"));
  world->Query("INSERT INTO settle_migration (version, name) VALUES (999, '0999_future.sql')");
  ::kill(older, SIGCONT);
  EXPECT_NE(AwaitProcess(older), 0);
  EXPECT_THAT(TailOf(directory / "output"), HasSubstr("version 999"));
  EXPECT_EQ(world->Query("SELECT count(*) FROM sqlite_schema WHERE name = 'settle_three_phase'"),
            "0")
      << "it did what is for the newer one to do";
}

}  // namespace
}  // namespace settle::testing
