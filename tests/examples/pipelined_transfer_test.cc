// examples/pipelined_transfer with a real daemon and real databases, judged by what these hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/daemon.h"
#include "end_to_end/process.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class PipelinedTransfer : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* bank : {"a", "b"}) {
      cluster_.CreateDatabase(bank);
      cluster_.Query(bank, "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)");
      cluster_.Query(bank, "INSERT INTO account VALUES (1, 100), (7, 100)");
    }
    daemon_.Start();
  }

  // What it printed.
  std::string Move(const std::string& account, const std::string& amount, int exit_code) {
    Process program({.arguments = {Program("pipelined_transfer"), daemon_.address(),
                                   cluster_.Dsn("a"), cluster_.Dsn("b"), account, amount},
                     .output_path = directory_ / "out"});
    EXPECT_EQ(program.Wait(), (Ended{exit_code, {}})) << program.Errors();
    return program.Output();
  }

  void ExpectBalances(const char* a, const char* b) const {
    EXPECT_EQ(cluster_.Query("a", "SELECT balance FROM account WHERE id = 1"), a);
    EXPECT_EQ(cluster_.Query("b", "SELECT balance FROM account WHERE id = 7"), b);
    EXPECT_EQ(cluster_.Query("a", "SELECT count(*) FROM pg_prepared_xacts"), "0");
  }

  const TemporaryDirectory directory_;
  PostgresCluster cluster_;
  Daemon daemon_{directory_.path()};
};

TEST_F(PipelinedTransfer, MovesMoneyAndTellsWhatTheStatementsAnswered) {
  EXPECT_EQ(Move("1", "30", 0), "committed, 70 left\n");
  ExpectBalances("70", "130");
}

TEST_F(PipelinedTransfer, AbortsWhereNoRowWasChanged) {
  for (const char* account : {"1", "99"}) {  // not enough money, no such account
    const std::string said = Move(account, "101", 1);
    EXPECT_THAT(said, StartsWith("aborted: "));
    EXPECT_THAT(said, HasSubstr("affected 0 rows instead of 1"));
    ExpectBalances("100", "100");
  }
}

TEST_F(PipelinedTransfer, AbortsWithTheServersWords) {
  EXPECT_THAT(Move("1", "much", 1), HasSubstr("22P02"));
  ExpectBalances("100", "100");
}

}  // namespace
}  // namespace settle::testing
