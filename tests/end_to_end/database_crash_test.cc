// The databases die or are exchanged, and SQLite files are touched by others.
#include <filesystem>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class DatabaseDies : public WithBothBanks {
 protected:
  // Decided, prepared in both banks, the coordinator down.
  void Decide(Application& shop) {
    gtid_ = world_.Move(shop);
    shop.Send("commit decision");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    ASSERT_EQ(world_.PreparedBranches(), 2u);
  }
  void ExpectCommitted() {
    EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
    EXPECT_EQ(world_.HalvesOf(gtid_), 2u);
    EXPECT_EQ(world_.OutcomeShown(gtid_), "committed");
  }
  std::string gtid_;
};

TEST_P(DatabaseDies, G04_KilledBetweenPrepareAndCommit_ItCommitsWhenItIsBack) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  Decide(shop);
  world_.cluster().Kill();
  world_.daemon().Start();
  // The decision stands and is shown while the database is away.
  EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == "committed"; }));
  EXPECT_EQ(world_.Cli({"in-doubt", "--check"}).code, 6);
  world_.cluster().Start();
  ExpectCommitted();
}

TEST_P(DatabaseDies, G04_StoppedImmediatelyAndProgramsKilledToo_ItCommitsWhenAllAreBack) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  Decide(shop);
  world_.cluster().Stop(PostgresCluster::StopMode::kImmediate);
  shop.Kill();
  world_.daemon().Start();
  world_.cluster().Start();
  world_.Start();
  ExpectCommitted();
}

TEST_P(DatabaseDies, G04_KilledWithWorkOpen_TheTransactionAborts) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  world_.cluster().Kill();
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted"));
  world_.cluster().Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
  // The same program goes on with the database that came back.
  const std::string next = world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_EQ(world_.HalvesOf(next), 2u);
}

INSTANTIATE_TEST_SUITE_P(Faults, DatabaseDies, ::testing::Values(kBothPostgres, kMixed),
                         NameOfKinds);

class AnotherDatabase : public WithBothBanks {
 protected:
  std::string OtherDsn() {
    if (GetParam().b == Kind::kPostgres) {
      other_ = MakePostgresBank(world_.cluster(), "another");
    } else {
      other_ = MakeSqliteBank(world_ / "another.db");
    }
    return other_->Dsn();
  }
  std::unique_ptr<Database> other_;
};

TEST_P(AnotherDatabase, P09_UnderAKnownName_IsRefusedUntilAnOperatorSaysSo) {
  world_.daemon().Start();
  world_.Start().Quit();
  world_.Redirect('b', OtherDsn());
  EXPECT_THAT(world_.Start({.banks = "ab", .may_be_refused = true}).refusal(),
              StartsWith("refused refused"));

  const CliAnswer listed = world_.Cli({"participants"});
  std::string refused;
  for (const auto& participant : listed.json["participants"]) {
    if (participant["resource"] == "b") refused = participant["refused_identity"];
  }
  ASSERT_FALSE(refused.empty()) << listed.out;
  const CliAnswer accepted =
      world_.Cli({"participants", "accept", "b", refused, "--reason", "it moved"});
  ASSERT_EQ(accepted.code, 0) << accepted.err;
  EXPECT_EQ(world_.Start().refusal(), "");
  // The acceptance is durable, and the old database is now the one that is refused.
  world_.daemon().Kill();
  world_.daemon().Start();
  EXPECT_EQ(world_.Start().refusal(), "");
  world_.Redirect('b', world_.bank('b').Dsn());
  EXPECT_THAT(world_.Start({.banks = "ab", .may_be_refused = true}).refusal(),
              StartsWith("refused refused"));
}

INSTANTIATE_TEST_SUITE_P(Faults, AnotherDatabase, ::testing::Values(kBothPostgres, kBothSqlite),
                         NameOfKinds);

class SqliteFiles : public EndToEnd {
 protected:
  SqliteFiles() : EndToEnd(kBothSqlite) {}
  std::string FileOf(char bank) {
    const std::string dsn = world_.bank(bank).Dsn();
    return dsn.substr(dsn.find(':') + 1);
  }
};

TEST_F(SqliteFiles, Q02_AnotherWriterBetweenPrepareAndDecision_IsRefusedAndNeverInterleaves) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  shop.Kill();  // whose live connection kept others out too; now the guards are alone

  for (const char bank : {'a', 'b'}) {
    EXPECT_ANY_THROW(world_.bank(bank).Query("UPDATE account SET balance = balance + 1"));
    EXPECT_ANY_THROW(world_.bank(bank).Query("DELETE FROM account"));
    EXPECT_ANY_THROW(world_.bank(bank).Query("INSERT INTO transfer VALUES ('x', 1)"));
  }
  world_.daemon().Start();
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

TEST_F(SqliteFiles, Q03_ATableWithoutAPrimaryKey_IsRefused) {
  world_.bank('a').Query("CREATE TABLE keyless (x INTEGER)");
  world_.daemon().Start();
  Application& shop = world_.Start();
  shop.Begin();
  const std::string refused = shop.Ask("execute a INSERT INTO keyless VALUES (1)");
  EXPECT_THAT(refused, StartsWith("error"));
  EXPECT_THAT(refused, HasSubstr("primary key"));
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(SqliteFiles, Q03_ASchemaChangeInTheBranch_IsRefused) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  shop.Begin();
  EXPECT_THAT(shop.Ask("execute a ALTER TABLE account ADD COLUMN extra"), StartsWith("error"));
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(SqliteFiles, Q03_TheFileReplacedUnderAPreparedBranch_IsNeverTakenForDone) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  shop.Kill();
  const std::string file = FileOf('b');
  std::filesystem::rename(file, file + ".away");
  std::filesystem::rename(file + "-wal", file + ".away-wal");
  std::filesystem::remove(file + "-shm");
  const auto impostor = MakeSqliteBank(file);
  world_.daemon().Start();

  // Its name stands for the file that is gone, so nobody is told to commit in this one.
  Application& refused = world_.Start({.banks = "ab", .may_be_refused = true});
  EXPECT_THAT(refused.refusal(), StartsWith("refused refused"));
  refused.Kill();  // ending by itself it would delete the -wal file that has the name by then
  EXPECT_EQ(world_.Cli({"in-doubt", "--check"}).code, 6);
  std::filesystem::remove(file + "-wal");
  std::filesystem::remove(file + "-shm");
  std::filesystem::rename(file + ".away", file);
  std::filesystem::rename(file + ".away-wal", file + "-wal");
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

}  // namespace
}  // namespace settle::testing
