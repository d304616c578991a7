// What a SQLite resource finds in a real file that is broken in one way after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sdk/sqlite/bank_file.h"
#include "support/findings.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kLog(Key(1).gtid.log_id());

std::vector<Finding> Examine(Resource& resource, const std::string& log = kLog) {
  return resource.Examine(log, std::chrono::seconds(4))->findings;
}
Finding About(Resource& resource, const std::string& code, const std::string& log = kLog) {
  return Find(Examine(resource, log), code);
}

// Of branch 1 of transaction 1, which took 10 from account 1.
void PrepareOne(SqliteResource& resource) {
  auto branch =
      OpenAndRun(resource, Key(1), {"UPDATE account SET balance = balance - 10 WHERE id = 1"});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
}

TEST(SqliteExamine, ASoundFileRaisesNoAlarmWhetherUsedOrNot) {
  BankFile file;
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  EXPECT_THAT(Alarming(Examine(*bank)), IsEmpty());
  EXPECT_THAT(Examine(*bank), SizeIs(11));
  {
    auto branch = OpenAndRun(*bank, Key(1), {"UPDATE account SET balance = 0 WHERE id = 1"});
    EXPECT_THAT(Alarming(Examine(*bank)), IsEmpty()) << "while a branch is at work";
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    EXPECT_THAT(Alarming(Examine(*bank)), IsEmpty()) << "while it is prepared";
    EXPECT_THAT(About(*bank, "sqlite-prepared").what, HasSubstr(Key(1).DatabaseName()));
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  }
  EXPECT_THAT(Alarming(Examine(*bank)), IsEmpty());
  EXPECT_EQ(file.Balances(), "0 100");
}

TEST(SqliteExamine, ABranchThatWaitsForLongIsToldByItsAge) {
  BankFile file;
  auto bank = file.Resource();
  PrepareOne(*bank);
  ASSERT_EQ(file.Run("UPDATE settle_prepared SET prepared_at = '2026-01-01T00:00:00.000Z'"), "");
  EXPECT_EQ(About(*bank, "sqlite-prepared").severity, Severity::kWarning);
  EXPECT_EQ(About(*bank, "sqlite-prepared-orphans", "aaaaaaaaaaaa").severity, Severity::kProblem);
}

TEST(SqliteExamine, AGuardThatWasDroppedWhileABranchIsPreparedIsAProblem) {
  BankFile file;
  auto bank = file.Resource();
  PrepareOne(*bank);
  EXPECT_EQ(About(*bank, "sqlite-guards").severity, Severity::kOk);
  ASSERT_EQ(file.Run("DROP TRIGGER settle_guard_update_account"), "");
  EXPECT_EQ(About(*bank, "sqlite-guards").severity, Severity::kProblem);
  EXPECT_THAT(About(*bank, "sqlite-guards").what, HasSubstr("1 guard triggers are missing"));
}

TEST(SqliteExamine, AnotherProgramThatDoesNotStopWritingIsNoted) {
  BankFile file;
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  PlainConnection other(file.path());
  ASSERT_EQ(other.Run("BEGIN IMMEDIATE"), "");
  EXPECT_EQ(About(*bank, "sqlite-writer").severity, Severity::kNote);
  ASSERT_EQ(other.Run("ROLLBACK"), "");
  EXPECT_EQ(About(*bank, "sqlite-writer").severity, Severity::kOk);
}

TEST(SqliteExamine, ADamagedPageIsAProblem) {
  BankFile file;
  ASSERT_EQ(file.Run("CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT)"), "");
  ASSERT_EQ(file.Run("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
                     " INSERT INTO many SELECT i, hex(randomblob(20)) FROM n"),
            "");
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  EXPECT_EQ(About(*bank, "sqlite-integrity").severity, Severity::kOk);
  ASSERT_THAT(file.Query("PRAGMA wal_checkpoint(TRUNCATE)"), HasSubstr("0|"));
  {
    std::fstream raw(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    raw.seekp(40 * 4096 + 100);  // in the middle of a leaf of the table
    raw << std::string(3'000, '\xff');
    ASSERT_TRUE(raw.flush());
  }
  EXPECT_EQ(About(*bank, "sqlite-integrity").severity, Severity::kProblem);
}

TEST(SqliteExamine, TablesOfAnotherReleaseAreWarnedAbout) {
  BankFile file;
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  ASSERT_EQ(file.Run("INSERT INTO settle_migration VALUES (1000, 'of the future')"), "");
  EXPECT_THAT(About(*bank, "sqlite-tables").advice, HasSubstr("upgrade this program"));
  ASSERT_EQ(file.Run("DELETE FROM settle_migration WHERE version > 1"), "");
  EXPECT_EQ(About(*bank, "sqlite-tables").severity, Severity::kWarning);
}

TEST(SqliteExamine, AFileThatIsGoneIsTheOneProblem) {
  BankFile file;
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  std::filesystem::remove(file.path());
  const std::vector<Finding> found = Examine(*bank);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(SeverityOf(found, "sqlite-reachable"), Severity::kProblem);
  EXPECT_THAT(found[0].what, AllOf(HasSubstr(file.path()), HasSubstr("deleted")));
}

TEST(SqliteExamine, ACheckOfALargeFileEndsInTime) {
  BankFile file;
  ASSERT_EQ(file.Run("CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT)"), "");
  ASSERT_EQ(file.Run("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 70000)"
                     " INSERT INTO many SELECT i, hex(zeroblob(500)) FROM n"),
            "");
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  EXPECT_THAT(About(*bank, "sqlite-integrity").what, HasSubstr("not looked at"));
}

// A file on a network file system, or one that is full, cannot be had in a test without privileges:
// /dev/shm is what stands for an unsuitable one.
TEST(SqliteExamine, AFileInMemoryIsWarnedAbout) {
  TemporaryDirectory directory("/dev/shm");
  BankFile file(directory / "bank.db");
  auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  EXPECT_EQ(About(*bank, "sqlite-file-system").severity, Severity::kWarning);
}

}  // namespace
}  // namespace settle::testing
