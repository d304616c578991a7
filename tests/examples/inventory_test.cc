// The sales of examples/inventory over a real daemon: never oversold, and no receipt is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/daemon.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class Inventory : public ::testing::Test {
 protected:
  Launch Selling(const std::vector<std::string>& words) {
    Launch launch{.arguments = {Program("inventory"), "--coordinator", daemon_.address()},
                  .output_path = directory_ / "out",
                  .error_path = directory_ / "err"};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    return launch;
  }

  const TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
};

// 32 sales of 20 items, of which 8 are not paid: at least 12 - 8 find nothing left.
void ExpectAllAccountedFor(Process& selling) {
  EXPECT_EQ(selling.Wait(180s), (Ended{0, {}})) << selling.Output() << selling.Errors();
  EXPECT_THAT(selling.Output(), HasSubstr("unclear 0"));
  EXPECT_THAT(selling.Output(), HasSubstr("every sale is accounted for"));
  EXPECT_THAT(selling.Output(), ::testing::Not(HasSubstr("sold out 0,")));
}

TEST_F(Inventory, AStockInSqliteIsNeverOversold) {
  daemon_.Start();
  Process selling(Selling({"--sqlite", directory_ / "shop.db"}));
  ExpectAllAccountedFor(selling);
}

TEST_F(Inventory, ASecondShopOfTheSameCoordinatorHasSalesOfItsOwn) {
  daemon_.Start();
  for (const char* shop : {"shop.db", "other.db", "other.db"}) {
    Process selling(Selling({"--sqlite", directory_ / shop}));
    ExpectAllAccountedFor(selling);
  }
}

TEST_F(Inventory, AStockInPostgresIsNeverOversold) {
  daemon_.Start();
  PostgresCluster cluster;
  Process selling(Selling({"--dsn", cluster.Dsn()}));
  ExpectAllAccountedFor(selling);
}

TEST_F(Inventory, AStockWhoseVersionIsCheckedIsNeverOversold) {
  daemon_.Start();
  PostgresCluster cluster;
  Process selling(Selling({"--dsn", cluster.Dsn(), "--optimistic"}));
  ExpectAllAccountedFor(selling);
}

TEST_F(Inventory, M04_NothingIsLostWhenTheCoordinatorIsKilledMeanwhile) {
  daemon_.Start("log.after_commit:12");
  Process selling(Selling({"--sqlite", directory_ / "shop.db"}));
  ASSERT_TRUE(daemon_.AwaitFailpoint()) << daemon_.Said();
  daemon_.Start();
  ExpectAllAccountedFor(selling);
}

}  // namespace
}  // namespace settle::testing
