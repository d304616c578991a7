// The schema between prepare and decision, and the guards as it changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";
constexpr char kGuards[] =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'settle_guard*'";

void PrepareAndDrop(const BankFile& bank) {
  const auto resource = bank.Resource();
  ASSERT_EQ(OpenAndRun(*resource, Key(1), {kTake10})->AwaitPrepare().vote, Vote::kCommit);
}

FinishResult Finish(const BankFile& bank, Decision decision) {
  return bank.Resource()->Finish(Key(1), decision, {});
}

TEST(SqliteSchema, AChangedTableKeepsTheBranchPreparedUntilItIsAsItWas) {
  for (const char* change :
       {"ALTER TABLE account ADD COLUMN extra", "DROP TABLE account",
        "ALTER TABLE account RENAME TO konto",
        "CREATE UNIQUE INDEX one_each ON account (balance, id)",
        "ALTER TABLE account RENAME COLUMN balance TO b"}) {
    const BankFile bank;
    PrepareAndDrop(bank);
    ASSERT_EQ(bank.Run(change), "") << change;
    const FinishResult commit = Finish(bank, Decision::kCommit);
    EXPECT_EQ(commit.end, BranchEnd::kRetry) << change;
    EXPECT_THAT(commit.detail, HasSubstr("stays prepared")) << change;
    EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName()) << change;
    EXPECT_EQ(bank.Notes(), "") << change;
  }
}

TEST(SqliteSchema, ARowThatIsGoneOrDifferentKeepsTheBranchPrepared) {
  for (const char* change :
       {"UPDATE account SET balance = 55 WHERE id = 1", "DELETE FROM account WHERE id = 1"}) {
    const BankFile bank;
    PrepareAndDrop(bank);
    // Past the guards, as only a program that means to can.
    ASSERT_EQ(bank.Run(std::string("DROP TRIGGER settle_guard_update_account;"
                                   "DROP TRIGGER settle_guard_delete_account;") + change), "");
    const FinishResult commit = Finish(bank, Decision::kCommit);
    EXPECT_EQ(commit.end, BranchEnd::kRetry) << change;
    EXPECT_THAT(commit.detail, HasSubstr("stays prepared")) << change;
    EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName());
  }
}

TEST(SqliteSchema, WhenTheTableIsAsItWasTheBranchCommits) {
  const BankFile bank;
  PrepareAndDrop(bank);
  ASSERT_EQ(bank.Run("CREATE UNIQUE INDEX one_each ON account (balance, id)"), "");
  ASSERT_EQ(Finish(bank, Decision::kCommit).end, BranchEnd::kRetry);
  ASSERT_EQ(bank.Run("DROP INDEX one_each"), "");
  EXPECT_EQ(Finish(bank, Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteSchema, AChangedTableDoesNotPreventTheAbort) {
  const BankFile bank;
  PrepareAndDrop(bank);
  ASSERT_EQ(bank.Run("DROP TABLE account"), "");
  EXPECT_EQ(Finish(bank, Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Prepared(), "");
}

TEST(SqliteSchema, AViewOfATableThatIsGoneDoesNoHarm) {
  const BankFile bank;
  ASSERT_EQ(bank.Run("CREATE TABLE gone (x);"
                     "CREATE VIEW v AS SELECT x FROM gone; DROP TABLE gone"),
            "");
  const auto resource = bank.Resource();
  EXPECT_EQ(OpenAndRun(*resource, Key(1), {kTake10})->AwaitPrepare().vote, Vote::kCommit);
}

TEST(SqliteSchema, VacuumAnalyzeAndNewTablesDoNoHarm) {
  const BankFile bank;
  PrepareAndDrop(bank);
  const std::string before = bank.Query("PRAGMA schema_version");
  ASSERT_EQ(bank.Run("VACUUM"), "");
  ASSERT_EQ(bank.Run("CREATE TABLE fresh (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT * FROM "
                     "account"), "");
  ASSERT_EQ(bank.Run("ANALYZE"), "");
  ASSERT_NE(bank.Query("PRAGMA schema_version"), before);
  EXPECT_EQ(Finish(bank, Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST(SqliteSchema, GuardsAreMadeOnceAndForNewTablesAtTheNextOpen) {
  const BankFile bank;
  const auto resource = bank.Resource();
  ASSERT_TRUE(resource->Identify());
  EXPECT_EQ(bank.Query(kGuards), "0");
  OpenAndRun(*resource, Key(1), {});
  EXPECT_EQ(bank.Query(kGuards), "3");
  const std::string version = bank.Query("PRAGMA schema_version");
  OpenAndRun(*resource, Key(2), {});
  OpenAndRun(*bank.Resource(), Key(3), {});
  EXPECT_EQ(bank.Query("PRAGMA schema_version"), version);
  ASSERT_EQ(bank.Run("CREATE TABLE \"new \"\"one\" (id INTEGER PRIMARY KEY)"), "");
  OpenAndRun(*resource, Key(4), {"INSERT INTO \"new \"\"one\" VALUES (1)"});
  EXPECT_EQ(bank.Query(kGuards), "6");
}

TEST(SqliteSchema, ARenamedTableAndItsSuccessorAreBothGuarded) {
  const BankFile bank;
  const auto resource = bank.Resource();
  OpenAndRun(*resource, Key(1), {});
  ASSERT_EQ(bank.Run("ALTER TABLE account RENAME TO konto; CREATE TABLE account (id INTEGER "
                     "PRIMARY KEY, balance);"
                     "INSERT INTO account VALUES (1, 50)"),
            "");
  {
    const auto branch = OpenAndRun(*resource, Key(2), {kTake10});
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  }
  EXPECT_EQ(bank.Query(kGuards), "6");
  EXPECT_THAT(bank.Run("DELETE FROM konto"), HasSubstr("awaits its decision"));
  EXPECT_THAT(bank.Run("DELETE FROM account"), HasSubstr("awaits its decision"));
}

TEST(SqliteSchema, ATableMadeByAnotherProgramIsKnownToTheNextBranch) {
  const BankFile bank;
  const auto resource = bank.Resource();
  OpenAndRun(*resource, Key(1), {});
  ASSERT_EQ(bank.Run("CREATE TABLE fresh (id INTEGER PRIMARY KEY)"), "");
  const auto branch = OpenAndRun(*resource, Key(2), {"INSERT INTO fresh VALUES (1)"});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
}

}  // namespace
}  // namespace settle::testing
