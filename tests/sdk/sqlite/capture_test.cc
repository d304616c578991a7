// What the session extension overlooks or cannot replay is found before the vote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

VoteResult VoteOn(const BankFile& bank, const std::vector<std::string>& statements) {
  const auto resource = bank.Resource();
  return OpenAndRun(*resource, Key(1), statements)->AwaitPrepare();
}

void ExpectNo(const BankFile& bank, const std::vector<std::string>& statements,
              const std::string& words) {
  const VoteResult vote = VoteOn(bank, statements);
  EXPECT_EQ(vote.vote, Vote::kNo) << statements.back();
  EXPECT_THAT(vote.reason, HasSubstr(words)) << statements.back();
  EXPECT_EQ(bank.Prepared(), "");
}

// The state after the commit is the state that the branch saw.
void ExpectSameAfterCommit(const BankFile& bank, const std::vector<std::string>& statements,
                           const std::string& query) {
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), statements);
  const auto seen = branch->Execute("SELECT group_concat(line, ' ') FROM (" + query + ")");
  ASSERT_TRUE(seen) << Describe(seen.error());
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Query(query), *seen->rows[0][0]);
}

TEST(SqliteCapture, ARowWithNullInItsKeyIsFoundWhetherMadeChangedOrDeleted) {
  const BankFile bank;
  bank.Run("CREATE TABLE tag (a TEXT, b TEXT, v, PRIMARY KEY (a, b)); INSERT INTO tag VALUES "
           "('x', NULL, 1), "
           "('y', 'z', 1)");
  const std::string words = "\"tag\" has NULL in its primary key";
  ExpectNo(bank, {"INSERT INTO tag VALUES (NULL, 'b', 1)"}, words);
  ExpectNo(bank, {"UPDATE tag SET b = NULL WHERE a = 'y'"}, words);
  ExpectNo(bank, {"UPDATE tag SET v = 2 WHERE a = 'x'"}, words);
  ExpectNo(bank, {"UPDATE tag SET b = 'now' WHERE a = 'x'"}, words);
  ExpectNo(bank, {"DELETE FROM tag"}, words);
}

TEST(SqliteCapture, OtherRowsOfATableWithNullKeysAreFine) {
  const BankFile bank;
  bank.Run("CREATE TABLE tag (a TEXT PRIMARY KEY, v); INSERT INTO tag VALUES (NULL, 1), ('y', 1)");
  ExpectSameAfterCommit(bank,
                        {"UPDATE tag SET v = 2 WHERE a = 'y'", "INSERT INTO tag VALUES ('n', 3)"},
                        "SELECT coalesce(a, '-') || v AS line FROM tag ORDER BY a");
}

TEST(SqliteCapture, ANullForAnIntegerPrimaryKeyIsTheNextNumber) {
  const BankFile bank;
  ExpectSameAfterCommit(bank,
                        {"INSERT INTO account (balance) VALUES (5)",
                         "INSERT INTO account VALUES (NULL, 6)"},
                        "SELECT id || ':' || balance AS line FROM account ORDER BY id");
}

TEST(SqliteCapture, WhatUserTriggersDidIsAppliedOnce) {
  const BankFile bank;
  bank.Run("CREATE TABLE total (id INTEGER PRIMARY KEY, changes INTEGER); INSERT INTO total "
           "VALUES (1, 0);"
           "CREATE TRIGGER count_changes AFTER UPDATE ON account BEGIN"
           " UPDATE total SET changes = changes + 1; END");
  ExpectSameAfterCommit(bank, {"UPDATE account SET balance = balance + 1"},
                        "SELECT changes AS line FROM total");
  EXPECT_EQ(bank.Query("SELECT changes FROM total"), "2");
}

TEST(SqliteCapture, AViewWithTriggersCanBeWrittenThrough) {
  const BankFile bank;
  bank.Run("CREATE VIEW poor AS SELECT id FROM account; CREATE TRIGGER poor_new INSTEAD OF INSERT "
           "ON poor BEGIN"
           " INSERT INTO account VALUES (new.id, 0); END");
  ExpectSameAfterCommit(bank, {"INSERT INTO poor VALUES (5)"},
                        "SELECT id || ':' || balance AS line FROM account ORDER BY id");
}

TEST(SqliteCapture, CascadesAreAppliedOnce) {
  const BankFile bank;
  bank.Run("CREATE TABLE card (id INTEGER PRIMARY KEY, account INTEGER REFERENCES account ON "
           "DELETE CASCADE);"
           "INSERT INTO card VALUES (1, 1), (2, 1), (3, 2)");
  ExpectSameAfterCommit(bank, {"DELETE FROM account WHERE id = 1"}, "SELECT id AS line FROM card");
  EXPECT_EQ(bank.Query("SELECT id FROM card"), "3");
  EXPECT_EQ(bank.Balances(), "100");
}

TEST(SqliteCapture, AViolatedDeferredForeignKeyIsANoVote) {
  const BankFile bank;
  bank.Run("CREATE TABLE card (id INTEGER PRIMARY KEY,"
           " account INTEGER REFERENCES account DEFERRABLE INITIALLY DEFERRED)");
  ExpectNo(bank, {"INSERT INTO card VALUES (1, 77)"}, "deferred foreign key");
  ExpectSameAfterCommit(bank,
                        {"INSERT INTO card VALUES (1, 77)", "INSERT INTO account VALUES (77, 1)"},
                        "SELECT account AS line FROM card");
}

TEST(SqliteCapture, AViolatedDeferredForeignKeyAbortsTheOnePhaseCommit) {
  const BankFile bank;
  bank.Run("CREATE TABLE card (id INTEGER PRIMARY KEY,"
           " account INTEGER REFERENCES account DEFERRABLE INITIALLY DEFERRED)");
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {"INSERT INTO card VALUES (1, 77)"});
  ASSERT_TRUE(branch->TakeEvidence());
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Query("SELECT count(*) FROM card"), "0");
}

TEST(SqliteCapture, AnExchangeOfUniqueValuesIsANoVote) {
  const BankFile bank;
  bank.Run("CREATE TABLE seat (id INTEGER PRIMARY KEY, number INTEGER UNIQUE);"
           "INSERT INTO seat VALUES (1, 10), (2, 20)");
  ExpectNo(bank,
           {"UPDATE seat SET number = -1 WHERE id = 1", "UPDATE seat SET number = 10 WHERE id = 2",
            "UPDATE seat SET number = 20 WHERE id = 1"},
           "constraint fails when the changes are made one by one in table seat");
  EXPECT_EQ(bank.Query("SELECT number FROM seat ORDER BY id"), "10 20");
}

TEST(SqliteCapture, AUniqueValueThatMovesOnIsFine) {
  const BankFile bank;
  bank.Run("CREATE TABLE seat (id INTEGER PRIMARY KEY, number INTEGER UNIQUE);"
           "INSERT INTO seat VALUES (1, 10), (2, 20)");
  ExpectSameAfterCommit(bank,
                        {"UPDATE seat SET number = 30 WHERE id = 1",
                         "UPDATE seat SET number = 10 WHERE id = 2"},
                        "SELECT number AS line FROM seat ORDER BY id");
}

TEST(SqliteCapture, AKeyThatChangesOnlyInAWayItsCollationIgnoresIsANoVote) {
  const BankFile bank;
  bank.Run("CREATE TABLE name (n TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, v); INSERT INTO name "
           "VALUES ('ann', 1)");
  ExpectNo(bank, {"UPDATE name SET n = 'Ann'"}, "");
  EXPECT_EQ(bank.Query("SELECT n FROM name"), "ann");
}

TEST(SqliteCapture, ReplaceIsCapturedWithWhatItRemoved) {
  const BankFile bank;
  bank.Run("CREATE TABLE seat (id INTEGER PRIMARY KEY, number INTEGER UNIQUE);"
           "INSERT INTO seat VALUES (1, 10), (2, 20)");
  ExpectSameAfterCommit(bank,
                        {"INSERT OR REPLACE INTO seat VALUES (3, 10)",
                         "REPLACE INTO seat VALUES (2, 21)"},
                        "SELECT id || ':' || number AS line FROM seat ORDER BY id");
}

TEST(SqliteCapture, ANullKeyedRowThatReplaceRemovesUnseenIsANoVote) {
  const BankFile bank;
  bank.Run("CREATE TABLE seat (id TEXT PRIMARY KEY, number INTEGER UNIQUE); INSERT INTO seat "
           "VALUES (NULL, 10)");
  const VoteResult vote = VoteOn(bank, {"INSERT OR REPLACE INTO seat VALUES ('a', 10)"});
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_EQ(bank.Query("SELECT coalesce(id, '-') FROM seat"), "-");
}

TEST(SqliteCapture, ManyRowsAndLargeValues) {
  const BankFile bank;
  bank.Run("CREATE TABLE heap (id INTEGER PRIMARY KEY, data BLOB)");
  ExpectSameAfterCommit(
      bank,
      {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
       " INSERT INTO heap SELECT i, randomblob(i % 50) FROM n",
       "INSERT INTO heap VALUES (0, zeroblob(3000000))", "DELETE FROM heap WHERE id % 7 = 3"},
      "SELECT count(*) || ':' || sum(length(data)) || ':' || sum(id) AS line FROM heap");
}

}  // namespace
}  // namespace settle::testing
