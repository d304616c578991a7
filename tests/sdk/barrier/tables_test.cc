// The barrier's tables: what a participant says when they are not as it needs them, and that the
// command which it names puts that right.
#include <atomic>
#include <thread>

#include "sdk/barrier/barrier_test_base.h"
#include "settle/postgres_barrier.h"
#include "settle/sqlite_barrier.h"
#include "support/program_output.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using enum ActionOp;
using enum AnswerKind;

// A database without the tables.
class BarrierTables : public ::testing::TestWithParam<BarrierWorld::Kind> {
 protected:
  const std::unique_ptr<BarrierWorld> world_ = BarrierWorld::Make(GetParam());
  const std::unique_ptr<AnyBarrier> barrier_ = world_->Open();
};
SETTLE_FOR_EACH_DATABASE(BarrierTables);

std::string CommandIn(const std::string& advice, const std::string& target) {
  EXPECT_EQ(advice, "run: settle barrier install --dsn '" + target + "'");
  return target;
}

TEST_P(BarrierTables, WhereTheyAreMissingTheAdviceIsTheCommandThatMakesThem) {
  const Status missing = (**barrier_).Check();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(barrier_->Run(Call(kAction), MustNotRun()), Is(kUnknown, "barrier"));
  const std::string target = CommandIn(missing.error().advice, world_->target());

  const ProgramOutput check = OutputOf("settle", {"barrier", "check", "--dsn", target});
  EXPECT_EQ(check.exit_code, 3) << check.text;
  EXPECT_THAT(check.text, HasSubstr("run: settle barrier install"));
  const ProgramOutput made = OutputOf("settle", {"barrier", "install", "--dsn", target});
  EXPECT_EQ(made.exit_code, 0) << made.text;
  EXPECT_THAT(made.text, HasSubstr("_barrier.sql"));
  EXPECT_TRUE((**barrier_).Check());
  EXPECT_EQ(OutputOf("settle", {"barrier", "check", "--dsn", target}).exit_code, 0);
  EXPECT_THAT(barrier_->Run(Call(kAction), Does("reserved")), IsDone());

  const ProgramOutput again = OutputOf("settle", {"barrier", "install", "--dsn", target});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.text, HasSubstr("nothing was done"));
  EXPECT_EQ(world_->Rows(), "1") << "what is noted stays";
}

TEST_P(BarrierTables, ThePrintedScriptMakesTheSame) {
  const std::string kind = GetParam() == BarrierWorld::Kind::kPostgres ? "postgresql:" : "sqlite:x";
  const ProgramOutput printed =
      OutputOf("settle", {"barrier", "install", "--print", "--dsn", kind});
  ASSERT_EQ(printed.exit_code, 0) << printed.text;
  world_->Query(printed.text);
  const Status there = (**barrier_).Check();
  EXPECT_TRUE(there) << Describe(there.error());
  EXPECT_TRUE(world_->Install()->applied.empty());
}

TEST_P(BarrierTables, TablesOfAnotherReleaseAreRefused) {
  const int latest = world_->Install()->version;
  world_->Query("INSERT INTO settle_migration (version, name) VALUES (999, '0999_future.sql')");
  const Status newer = (**barrier_).Check();
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kVersion);
  EXPECT_THAT(newer.error().advice, HasSubstr("use a release of Settle"));
  const auto installed = world_->Install();
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().code, ErrorCode::kVersion);

  world_->Query("DELETE FROM settle_migration WHERE version >= " + std::to_string(latest));
  const Status older = (**barrier_).Check();
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, latest == 1 ? ErrorCode::kNotFound : ErrorCode::kVersion);
  EXPECT_THAT(older.error().advice, StartsWith("run: settle barrier install --dsn '"));
}

TEST_P(BarrierTables, TwoWhoInstallAtOnceDoItOnce) {
  std::vector<std::jthread> programs;
  std::atomic<int> applied{0};
  for (int i = 0; i < 4; ++i) {
    programs.emplace_back([&] {
      const auto installed = world_->Install();
      ASSERT_TRUE(installed) << Describe(installed.error());
      applied += installed->applied.empty() ? 0 : 1;
    });
  }
  programs.clear();
  EXPECT_EQ(applied, 1) << "who did it says so, and nobody else";
  EXPECT_TRUE((**barrier_).Check());
}

TEST(BarrierTablesOnPostgres, ARoleThatMayNotUseThemIsToldWhatToGrant) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  ASSERT_TRUE(world->Install());
  world->Query("CREATE ROLE clerk LOGIN");
  std::string dsn = world->target().substr(std::string("postgresql:").size());
  dsn += " user=clerk";
  const auto barrier = PostgresBarrier::Make({.dsn = dsn});
  const Status denied = barrier->Check();
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kDenied);
  EXPECT_THAT(denied.error().advice, HasSubstr("GRANT "));
  // What docs/barrier.md says is enough.
  world->Query(
      "GRANT SELECT, INSERT, UPDATE, DELETE ON settle_barrier, settle_barrier_mark TO "
      "clerk; GRANT SELECT ON settle_migration TO clerk; GRANT INSERT ON effect TO clerk");
  const Status granted = barrier->Check();
  EXPECT_TRUE(granted) << Describe(granted.error());
  EXPECT_THAT(barrier->Run(Call(kAction), Does("reserved")), IsDone());
  EXPECT_TRUE(barrier->Prune({"k3m9qxw4c7ab", 2, 1}));
  EXPECT_EQ(world->Rows(), "0");
}

// The server ends the connection while it commits, as one that is shut down does.
TEST(BarrierTablesOnPostgres, AConnectionLostAtTheCommitIsNotCalledNothingChanged) {
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  world->Query(
      "CREATE TABLE settle_migration (version int NOT NULL PRIMARY KEY, name text NOT NULL, "
      "applied timestamptz NOT NULL DEFAULT now()); "
      "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'; "
      "CREATE CONSTRAINT TRIGGER leaves AFTER INSERT ON settle_migration "
      "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()");
  const auto lost = world->Install();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(lost.error().message, HasSubstr("it is not known whether"));
  EXPECT_THAT(lost.error().message, ::testing::Not(HasSubstr("nothing was changed")));
  EXPECT_THAT(lost.error().advice, HasSubstr("run it again"));
  world->Query("DROP TRIGGER leaves ON settle_migration");
  EXPECT_TRUE(world->Install());
  EXPECT_TRUE(world->Install()->applied.empty()) << "and a third time does nothing";
}

TEST(BarrierTablesOnPostgres, APasswordIsNeitherTakenNorRepeated) {
  const ProgramOutput output = OutputOf(
      "settle", {"barrier", "check", "--dsn", "postgresql:host=/nowhere password=swordfish"});
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_THAT(output.text, ::testing::Not(HasSubstr("swordfish")));
  const auto world = BarrierWorld::Make(BarrierWorld::Kind::kPostgres);
  const std::string dsn = world->target().substr(std::string("postgresql:").size());
  const Status missing = PostgresBarrier::Make({.dsn = dsn + " password=swordfish"})->Check();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(Describe(missing.error()), ::testing::Not(HasSubstr("swordfish")));
}

TEST(BarrierTablesOnSqlite, OnlyAFileOfAnApplicationGetsThem) {
  const TemporaryDirectory directory;
  const auto missing = SqliteBarrier::Install(directory / "missing.db");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(SqliteBarrier::Make({.path = directory / "missing.db"})->Check());
  for (const char* words : {"mysql:x", "sqlite:", ""}) {
    EXPECT_EQ(OutputOf("settle", {"barrier", "install", "--dsn", words}).exit_code, 2) << words;
  }
}

}  // namespace
}  // namespace settle::testing
