// What a branch may not do is refused by name, and so is its vote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

// The statement is refused with these words, the vote is no with the same, nothing is left.
void ExpectRefused(const BankFile& bank, const std::string& statement, const std::string& words) {
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const auto refused = branch->Execute(statement);
  ASSERT_FALSE(refused) << statement;
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused)
      << statement << ": " << refused.error().message;
  EXPECT_THAT(refused.error().message, HasSubstr(words)) << statement;
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo) << statement;
  EXPECT_FALSE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr(words)) << statement;
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_EQ(bank.Prepared(), "");
}

TEST(SqliteRefusal, Q03_ATableWithoutAPrimaryKey) {
  const BankFile bank;
  bank.Run("CREATE TABLE journal (line TEXT)");
  ExpectRefused(bank, "INSERT INTO journal VALUES ('x')", "\"journal\" has no primary key");
  ExpectRefused(bank, "DELETE FROM journal", "\"journal\" has no primary key");
}

TEST(SqliteRefusal, Q03_ATableWithoutAPrimaryKeyWrittenByATriggerOrACascade) {
  const BankFile bank;
  bank.Run("CREATE TABLE journal (line TEXT);"
           "CREATE TRIGGER audit AFTER INSERT ON account BEGIN INSERT INTO journal VALUES "
           "(new.id); END;"
           "CREATE TABLE note (account INTEGER REFERENCES account ON DELETE CASCADE);"
           "INSERT INTO note VALUES (2)");
  ExpectRefused(bank, "INSERT INTO account VALUES (3, 1)", "\"journal\" has no primary key");
  ExpectRefused(bank, "DELETE FROM account WHERE id = 2", "\"note\" has no primary key");
}

TEST(SqliteRefusal, Q03_ChangesOfTheSchema) {
  const BankFile bank;
  for (const char* statement :
       {"CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TEMP TABLE t (id INTEGER PRIMARY KEY)",
        "DROP TABLE account", "ALTER TABLE account ADD COLUMN x",
        "CREATE INDEX i ON account (balance)",
        "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER r AFTER INSERT ON account BEGIN SELECT 1; END",
        "REINDEX",
        "ANALYZE", "DROP TRIGGER settle_guard_insert_account"}) {
    ExpectRefused(bank, statement, "cannot change the schema");
  }
}

TEST(SqliteRefusal, TheEndOfTheTransaction) {
  const BankFile bank;
  for (const char* statement : {"COMMIT", "END", "ROLLBACK", "BEGIN"}) {
    ExpectRefused(bank, statement, "belongs to the global transaction");
  }
  ExpectRefused(bank, "SAVEPOINT Settle_Branch", "settle_branch is the branch's own");
  ExpectRefused(bank, "ROLLBACK TO settle_branch", "settle_branch is the branch's own");
  ExpectRefused(bank, "RELEASE settle_branch", "settle_branch is the branch's own");
}

TEST(SqliteRefusal, OtherFilesAndPragmasThatWrite) {
  const BankFile bank;
  ExpectRefused(bank, "ATTACH ':memory:' AS other", "one file");
  ExpectRefused(bank, "DETACH main", "one file");
  ExpectRefused(bank, "PRAGMA user_version = 7", "PRAGMA user_version");
  ExpectRefused(bank, "PRAGMA journal_mode = DELETE", "PRAGMA journal_mode");
  ExpectRefused(bank, "PRAGMA Synchronous = OFF", "PRAGMA synchronous");
  ExpectRefused(bank, "PRAGMA writable_schema = ON", "PRAGMA writable_schema");
  ExpectRefused(bank, "PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint");
}

TEST(SqliteRefusal, PragmasThatReadAndTableValuedFunctionsAreAllowed) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1),
                                 {"PRAGMA user_version", "PRAGMA table_info(account)",
                                  "SELECT name FROM pragma_table_info('account')",
                                  "SELECT value FROM json_each('[1, 2]')",
                                  "PRAGMA foreign_key_check",
                                  "PRAGMA defer_foreign_keys = ON", kTake10});
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
}

TEST(SqliteRefusal, SettlesOwnTablesAndSqlitesAndVirtualOnes) {
  const BankFile bank;
  ASSERT_EQ(bank.Run("CREATE VIRTUAL TABLE word USING fts5(w);"
                     "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x)"),
            "");
  ASSERT_TRUE(bank.Resource()->Identify());
  ExpectRefused(bank, "DELETE FROM settle_outcome", "not the application's to write");
  ExpectRefused(bank, "INSERT INTO settle_prepared VALUES (1, 'x', x'', '', 0, 0, '', '')",
                "not the application's");
  ExpectRefused(bank, "UPDATE sqlite_sequence SET seq = 5", "not the application's to write");
  ExpectRefused(bank, "INSERT INTO word VALUES ('x')", "virtual table");
}

TEST(SqliteRefusal, WhatSqliteItselfRefusesInABranch) {
  const BankFile bank;
  ASSERT_EQ(bank.Run("CREATE VIRTUAL TABLE word USING fts5(w)"), "");
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  for (const char* statement : {"UPDATE sqlite_master SET sql = ''", "DELETE FROM word_content",
                                "UPDATE sqlite_temp_master SET sql = ''", "VACUUM"}) {
    EXPECT_FALSE(branch->Execute(statement)) << statement;
  }
  EXPECT_EQ(bank.Prepared(), "");
}

TEST(SqliteRefusal, TablesWithGeneratedColumns) {
  const BankFile bank;
  bank.Run("CREATE TABLE shape (id INTEGER PRIMARY KEY, a, area AS (a * a) STORED, v AS (a + 1))");
  ExpectRefused(bank, "INSERT INTO shape (id, a) VALUES (1, 2)", "\"shape\" has generated columns");
}

TEST(SqliteRefusal, AfterARefusalTheNextStatementIsNotRunEither) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {});
  ASSERT_FALSE(branch->Execute("DROP TABLE account"));
  const auto next = branch->Execute(kTake10);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch->Execute("SELECT 1").error().code, ErrorCode::kRefused);
}

TEST(SqliteRefusal, ARefusalOnTheRawConnectionIsSeenByTheVoteAndByTheOnePhaseCommit) {
  const BankFile bank;
  const auto resource = bank.Resource();
  auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(sqlite3_exec(branch->connection(), "COMMIT", nullptr, nullptr, nullptr), SQLITE_AUTH);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  branch = OpenAndRun(*resource, Key(2), {kTake10});
  ASSERT_EQ(sqlite3_exec(branch->connection(), "COMMIT", nullptr, nullptr, nullptr), SQLITE_AUTH);
  ASSERT_TRUE(branch->TakeEvidence());
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Balances(), "100 100");
}

}  // namespace
}  // namespace settle::testing
