// A PostgreSQL server as a resource: what is checked before it is used, and its pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using std::chrono_literals::operator""ms;

TEST(PostgresResource, IsIdentifiedByItsSystemAndItsDatabase) {
  World world;
  world.cluster.CreateDatabase("other");
  auto other = world.Resource({.name = "other", .dsn = world.cluster.Dsn("other")});
  const Result<std::string> bank = world.bank->Identify();
  ASSERT_TRUE(bank) << Describe(bank.error());
  EXPECT_EQ(*bank,
            "postgresql:" + world.Query("SELECT system_identifier FROM pg_control_system()") + ":" +
                world.Query("SELECT oid FROM pg_database WHERE datname = 'bank'"));
  EXPECT_NE(*bank, *other->Identify());
  EXPECT_EQ(*bank, *world.Resource()->Identify());
  EXPECT_THAT(world.bank->warnings(), IsEmpty());
}

TEST(PostgresResource, G02_AServerThatCannotPrepareIsRefusedWithTheSettingsName) {
  World world(FromTemplate({"max_prepared_transactions=0"}));
  const Result<std::string> identity = world.bank->Identify();
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, ErrorCode::kRefused);
  EXPECT_THAT(identity.error().advice,
              AllOf(HasSubstr("max_prepared_transactions = "), HasSubstr("postgresql.conf")));
}

TEST(PostgresResource, G10_ServerWithoutFsyncIsWarnedAbout) {
  World world(FromTemplate({"fsync=off"}));
  ASSERT_TRUE(world.bank->Identify());
  EXPECT_THAT(world.bank->warnings(), ElementsAre(HasSubstr("fsync is off")));
}

TEST(PostgresResource, ARoleWithoutPrivilegesIsEnough) {
  World world;
  world.Query("CREATE ROLE teller LOGIN");
  world.Query("GRANT ALL ON account TO teller");
  auto bank = world.Resource({.name = "bank", .dsn = world.cluster.Dsn("bank") + " user=teller"});
  ASSERT_TRUE(bank->Identify());
  auto branch = world.Working(*bank, world.key);
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  branch.reset();
  EXPECT_THAT(*bank->ScanPrepared(), ElementsAre(world.key.DatabaseName()));
  EXPECT_EQ(bank->Finish(world.key, Decision::kCommit, vote.evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank->Finish(world.key, Decision::kCommit, vote.evidence).end, BranchEnd::kCommitted);
}

TEST(PostgresResource, X01_ANameIsNoPlaceForConnectionSettings) {
  World world;
  for (const char* name : {"bank host=evil", "bank'", "bänk", "a\\b", " ", "bank\n"}) {
    PostgresOptions options{.name = name, .dsn = world.cluster.Dsn("bank")};
    auto resource = PostgresResource::Make(options);
    EXPECT_EQ(resource->Identify().error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(resource->Open(world.key).error().code, ErrorCode::kInvalid) << name;
  }
}

TEST(PostgresResource, X04_NoErrorShowsThePassword) {
  World world;
  const auto error_of = [&](const std::string& dsn) {
    auto resource = world.Resource({.name = "bank", .dsn = dsn});
    const Result<std::string> identity = resource->Identify();
    EXPECT_FALSE(identity);
    const std::string error = Describe(identity.error());
    EXPECT_THAT(error, AllOf(Not(HasSubstr("s3cret")), HasSubstr("\"bank\"")));
    EXPECT_FALSE(identity.error().advice.empty());
    return error;
  };
  const std::string dsn = world.cluster.Dsn("bank");
  EXPECT_THAT(error_of("host=/nowhere password=s3cret dbname=bank"), HasSubstr("/nowhere"));
  EXPECT_THAT(error_of(world.cluster.Dsn("nobody") + " password=s3cret"), HasSubstr("nobody"));
  EXPECT_THAT(error_of(dsn + " password=abc s3cret"), HasSubstr("not a connection string"));
  EXPECT_THAT(error_of("postgresql://me:s3cret@[bank"), HasSubstr("not a connection string"));
  EXPECT_THAT(error_of(dsn + " user=s3cret password=s3cret"), HasSubstr("***"));
}

TEST(PostgresResource, AServerThatIsNotThereIsGivenUpInTime) {
  World world;
  world.cluster.Stop();
  auto resource = world.Resource();
  EXPECT_EQ(resource->Identify().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(resource->Open(world.key).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(resource->ScanPrepared().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(resource->Finish(world.key, Decision::kAbort, {}).end, BranchEnd::kRetry);
  world.cluster.Start();
  EXPECT_TRUE(resource->Identify());
}

TEST(PostgresResource, AScanShowsOurBranchesAlone_P10) {
  World world;
  auto branch = world.Working();
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  for (const char* gid : {"settlex", "SETTLE:abc", "settle:no such", "another"}) {
    world.Query("BEGIN; CREATE TABLE t_" + std::to_string(world.NextKey().gtid.sequence()) +
                " (x int); PREPARE TRANSACTION '" + gid + "'");
  }
  EXPECT_THAT(*world.bank->ScanPrepared(), ElementsAre(world.key.DatabaseName()));
  // Asked of a server that dies meanwhile, it is an error and not an empty answer.
  world.cluster.Kill();
  EXPECT_FALSE(world.bank->ScanPrepared());
}

TEST(PostgresResource, P10_AScanThatFailsHalfWayCountsForNothing) {
  World world;
  auto branch = world.Working();
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  ASSERT_EQ(world.bank->ScanPrepared()->size(), 1u);
  // The server sends our branch, a full buffer of others, and then fails.
  const std::string original =
      world.Query("SELECT pg_get_viewdef('pg_catalog.pg_prepared_xacts'::regclass)");
  world.Query(
      "SET allow_system_table_mods = on; CREATE FUNCTION fail_at(row_number int) RETURNS text "
      "LANGUAGE plpgsql AS $$ BEGIN IF row_number = 2000 THEN RAISE 'torn'; END IF; "
      "RETURN 'settle:' || row_number; END $$; "
      "CREATE OR REPLACE VIEW pg_catalog.pg_prepared_xacts AS " +
      original.substr(0, original.rfind(';')) +
      " UNION ALL SELECT '0'::xid, public.fail_at(i), now(), current_user::name, "
      "current_database()::name FROM generate_series(1, 3000) AS i");
  const auto torn = world.bank->ScanPrepared();
  ASSERT_FALSE(torn) << torn->size() << " rows were taken for all";
  EXPECT_EQ(torn.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(torn.error().message, HasSubstr("torn"));
  world.Query(
      "SET allow_system_table_mods = on; "
      "CREATE OR REPLACE VIEW pg_catalog.pg_prepared_xacts AS " +
      original);
  EXPECT_THAT(*world.bank->ScanPrepared(), ElementsAre(world.key.DatabaseName()));
}

TEST(PostgresPool, G09_WhatABranchLeftInTheSessionIsGoneForTheNext) {
  World world;
  PostgresOptions options;
  options.connections_max = 1;
  auto bank = world.Resource(options);
  auto first = *bank->Open(world.key);
  const std::string process = *first->Execute("SELECT pg_backend_pid()")->rows.at(0).at(0);
  ASSERT_TRUE(first->Execute("SET search_path = nowhere"));
  ASSERT_TRUE(first->Execute("SELECT pg_advisory_lock(17)"));
  ASSERT_TRUE(first->Execute("PREPARE p AS SELECT 1"));
  ASSERT_TRUE(first->Execute("LISTEN news"));
  ASSERT_EQ(first->AwaitPrepare().vote, Vote::kReadOnly);
  auto second = *bank->Open(world.NextKey());
  EXPECT_EQ(second->Execute("SELECT pg_backend_pid()")->rows.at(0).at(0), process) << "not reused";
  EXPECT_TRUE(second->Execute("SELECT * FROM account"));
  EXPECT_TRUE(second->Execute("PREPARE p AS SELECT 1"));
  EXPECT_EQ(world.Query("SELECT pg_try_advisory_lock(17)"), "t");
}

TEST(PostgresPool, G09_AFailedOrLostConnectionIsNotLentAgainAsItIs) {
  World world;
  PostgresOptions options;
  options.connections_max = 1;
  auto bank = world.Resource(options);
  auto failed = world.Working(*bank, world.key);
  EXPECT_FALSE(failed->Execute("SELECT 1/0"));
  failed.reset();
  auto after_failure = *bank->Open(world.NextKey());
  EXPECT_TRUE(after_failure->Execute("SELECT 1"));
  EXPECT_EQ(world.Balance(), 100);
  after_failure.reset();
  world.cluster.Restart(PostgresCluster::StopMode::kImmediate);
  auto after_restart = *bank->Open(world.NextKey());
  EXPECT_TRUE(after_restart->Execute("SELECT 1"));
}

TEST(PostgresPool, OneBranchTooManyIsToldToRetryAndPhaseTwoDoesNotWait) {
  World world;
  PostgresOptions options;
  options.connections_max = 1;
  options.connect_timeout = 200ms;
  auto bank = world.Resource(options);
  auto branch = world.Working(*bank, world.key);
  const auto refused = bank->Open(world.NextKey());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  EXPECT_THAT(Describe(refused.error()), HasSubstr("connections_max"));
  EXPECT_EQ(bank->Finish(world.NextKey(), Decision::kAbort, {}).end, BranchEnd::kAborted);
  branch.reset();
  EXPECT_TRUE(bank->Open(world.NextKey()));
}

TEST(PostgresPool, P09_ADsnThatLeadsElsewhereNowIsRefused) {
  World world;
  ASSERT_TRUE(world.bank->Identify());
  world.cluster.Query("postgres",
                      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                      "WHERE datname = 'bank'");
  world.cluster.Query("postgres", "ALTER DATABASE bank RENAME TO old_bank");
  world.cluster.CreateDatabase("bank");
  const auto branch = world.bank->Open(world.key);
  ASSERT_FALSE(branch);
  EXPECT_EQ(branch.error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace settle::testing
