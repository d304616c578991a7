// Changes as a value, without a branch around them.
#include "sqlite/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<sqlite::Connection> Connect(const BankFile& bank) {
  SqliteOptions options;
  options.path = bank.path();
  return *sqlite::Connection::Open(options);
}

// Taken, and rolled back.
sqlite::Changes Record(sqlite::Connection& connection, const std::string& sql) {
  EXPECT_TRUE(connection.BeginImmediate());
  sqlite::Recorder recorder(connection);
  EXPECT_TRUE(connection.Run(sql));
  sqlite::Changes changes = *recorder.Take();
  connection.Rollback();
  return changes;
}

TEST(SqliteChanges, TheyCountTheirRowsAndNameTheirTables) {
  const BankFile bank;
  const auto connection = Connect(bank);
  const auto changes = Record(*connection, "DELETE FROM account WHERE id = 1;"
                                           "INSERT INTO account VALUES (7, 7), (8, 8)");
  EXPECT_EQ(changes.ops, 3);
  EXPECT_THAT(changes.tables, ElementsAre("account"));
}

// SQLite itself calls this a success.
TEST(SqliteChanges, OfATableThatIsGoneOrNarrowerTheyAreNotAppliedInSilence) {
  for (const char* change : {"DROP TABLE account", "ALTER TABLE account RENAME TO konto"}) {
    const BankFile bank;
    const auto connection = Connect(bank);
    const auto changes = Record(*connection, "UPDATE account SET balance = 1 WHERE id = 1");
    ASSERT_EQ(bank.Run(change), "");
    ASSERT_TRUE(connection->BeginImmediate());
    const Status applied = sqlite::Apply(*connection, changes);
    ASSERT_FALSE(applied) << change;
    EXPECT_THAT(applied.error().message, HasSubstr("only 0 of 1")) << change;
  }
}

TEST(SqliteChanges, ARehearsalLeavesNothingBehind) {
  const BankFile bank;
  const auto connection = Connect(bank);
  const auto changes = Record(*connection, "UPDATE account SET balance = 1");
  ASSERT_TRUE(connection->BeginImmediate());
  EXPECT_TRUE(sqlite::Rehearse(*connection, changes));
  EXPECT_EQ(*connection->Ask("SELECT group_concat(balance) FROM account"), "100,100");
}

TEST(SqliteChanges, AConnectionCommitsOnlyWhenToldTo) {
  const BankFile bank;
  const auto connection = Connect(bank);
  EXPECT_FALSE(connection->Run("UPDATE account SET balance = 1"));
  ASSERT_TRUE(connection->BeginImmediate());
  ASSERT_TRUE(connection->Run("UPDATE account SET balance = 2"));
  EXPECT_FALSE(connection->Run("COMMIT"));
  ASSERT_TRUE(connection->BeginImmediate());
  ASSERT_TRUE(connection->Run("UPDATE account SET balance = 3"));
  EXPECT_TRUE(connection->Commit());
  EXPECT_EQ(bank.Balances(), "3 3");
}

}  // namespace
}  // namespace settle::testing
