// Changes as a value, without a branch around them.
#include "sqlite/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "bank_file.h"
#include "sqlite/replay.h"

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
  const auto changes = Record(*connection,
                              "DELETE FROM account WHERE id = 1;"
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

// Tables of different forms, and statements that change them at random.
class Shapes {
 public:
  static constexpr char kTables[] = R"sql(
CREATE TABLE plain (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, note);
CREATE TABLE "odd "" name" (a TEXT COLLATE NOCASE NOT NULL, "select" BLOB NOT NULL, b REAL,
  PRIMARY KEY ("select", a)) WITHOUT ROWID;
CREATE TABLE keyed (code TEXT PRIMARY KEY NOT NULL, v UNIQUE, w DEFAULT 7))sql";

  explicit Shapes(unsigned seed) : random_(seed) {}

  std::string Statement() {
    const std::string key = std::to_string(random_() % 20);
    switch (random_() % 8) {
      case 0:
        return "INSERT OR REPLACE INTO plain VALUES (" + key + ", " + key + ", " + Value() + ")";
      case 1: return "UPDATE plain SET amount = amount + 1 WHERE id < " + key;
      case 2: return "UPDATE plain SET note = " + Value() + ", id = id + 100 WHERE id = " + key;
      case 3: return "DELETE FROM plain WHERE id > " + key;
      case 4:
        return "INSERT OR REPLACE INTO \"odd \"\" name\" VALUES ('k" + key + "', x'0" +
               key.substr(0, 1) + "', " + Value() + ")";
      case 5: return "UPDATE \"odd \"\" name\" SET b = " + Value() + " WHERE a < 'k" + key + "'";
      case 6:
        return "INSERT OR IGNORE INTO keyed (code, v) VALUES ('c" + key + "', " + Value() + ")";
      default: return "UPDATE OR IGNORE keyed SET w = " + Value() + " WHERE code = 'c" + key + "'";
    }
  }

 private:
  std::string Value() {
    const std::string number = std::to_string(random_() % 1000);
    switch (random_() % 5) {
      case 0: return "NULL";
      case 1: return number;
      case 2: return number + ".5";
      case 3: return "'text " + number + "'";
      default: return "zeroblob(" + number + ")";
    }
  }

  std::minstd_rand random_;
};

constexpr char kAllRows[] = R"sql(
SELECT group_concat(x, ';') FROM (
  SELECT id || typeof(note) || amount || quote(note) AS x FROM plain UNION ALL
  SELECT a || quote("select") || quote(b) FROM "odd "" name" UNION ALL
  SELECT code || quote(v) || quote(w) FROM keyed ORDER BY x))sql";

TEST(SqliteChanges, DoneAgainByStatementsOfItsOwnTheyAreTheSame) {
  int replayed = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const BankFile bank;
    ASSERT_EQ(bank.Run(Shapes::kTables), "");
    const auto connection = Connect(bank);
    Shapes shapes(seed);
    ASSERT_TRUE(connection->BeginImmediate());
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(connection->Run(shapes.Statement()));
    ASSERT_TRUE(connection->Commit());
    std::string sql;
    for (int i = 0; i < 10; ++i) sql += shapes.Statement() + ";";

    ASSERT_TRUE(connection->BeginImmediate());
    ASSERT_TRUE(connection->Run(sql));
    const std::string wanted = *connection->Ask(kAllRows);
    connection->Rollback();
    const sqlite::Changes changes = Record(*connection, sql);
    ASSERT_TRUE(connection->BeginImmediate());
    const sqlite::TableRules rules = *sqlite::ReadTableRules(*connection);
    const Status same = sqlite::Compare(
        *connection, changes, [&] { return sqlite::Replay(*connection, rules, changes); });
    if (!same) continue;  // in an order in which a unique value was still there
    ++replayed;
    EXPECT_EQ(*connection->Ask(kAllRows), wanted);
  }
  EXPECT_GT(replayed, 50);
}

TEST(SqliteChanges, WhatIsDoneAgainOnOtherRowsIsNotTheSame) {
  const BankFile bank;
  const auto connection = Connect(bank);
  const auto changes = Record(*connection, "UPDATE account SET balance = 90");
  for (const char* meanwhile :
       {"DELETE FROM account WHERE id = 2", "UPDATE account SET balance = 7 WHERE id = 2"}) {
    ASSERT_TRUE(connection->BeginImmediate());
    ASSERT_TRUE(connection->Run(meanwhile));
    const sqlite::TableRules rules = *sqlite::ReadTableRules(*connection);
    EXPECT_FALSE(sqlite::Compare(*connection, changes, [&] {
      return sqlite::Replay(*connection, rules, changes);
    })) << meanwhile;
    connection->Rollback();
  }
}

TEST(SqliteChanges, WhatPutsOtherValuesInTheSameRowsIsNotTheSame) {
  const BankFile bank;
  ASSERT_EQ(bank.Run("CREATE TABLE pair (id INTEGER PRIMARY KEY, a, b);"
                     "INSERT INTO pair VALUES (1, 'x', 'y')"),
            "");
  const auto connection = Connect(bank);
  for (const auto& [wanted, done] : std::vector<std::pair<const char*, const char*>>{
           {"UPDATE account SET balance = 90", "UPDATE account SET balance = 5"},
           {"UPDATE account SET balance = 90", "UPDATE account SET balance = 90.0 + 1"},
           {"UPDATE pair SET a = 'p', b = 'q'", "UPDATE pair SET a = 'q', b = 'p'"},
           {"UPDATE pair SET a = 'p'", "UPDATE pair SET a = NULL"},
           {"INSERT INTO pair VALUES (2, 1, 2)", "INSERT INTO pair VALUES (2, 1, NULL)"}}) {
    const auto changes = Record(*connection, wanted);
    for (const char* sql : {wanted, done}) {
      ASSERT_TRUE(connection->BeginImmediate());
      const Status same =
          sqlite::Compare(*connection, changes, [&] { return connection->Run(sql); });
      EXPECT_EQ(same.has_value(), sql == wanted) << wanted << ", " << done;
      connection->Rollback();
    }
  }
}

TEST(SqliteChanges, AValueThatCannotBeBoundFailsItsStatement) {
  const BankFile bank;
  const auto connection = Connect(bank);
  sqlite3_limit(connection->raw(), SQLITE_LIMIT_LENGTH, 1000);
  const std::string large(2000, 'x');
  sqlite::Statement statement(*connection, "SELECT ?1 IS NULL");
  EXPECT_FALSE(statement.Bind(1, std::string_view(large)).Step());
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
