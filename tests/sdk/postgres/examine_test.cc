// What a PostgreSQL resource finds in a real server that is broken in one way after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/postgres/world.h"
#include "settle/postgres_barrier.h"
#include "support/findings.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kLog = "k3m9qxw4c7ab";  // World::NextKey's

std::vector<Finding> Examine(Resource& resource) {
  return resource.Examine(kLog, std::chrono::seconds(10))->findings;
}

Finding About(Resource& resource, const std::string& code) { return Find(Examine(resource), code); }

TEST(PostgresExamine, ASoundServerRaisesNoAlarmAndTellsItsClock) {
  World world;
  ASSERT_TRUE(world.bank->Identify());
  const Examination found = *world.bank->Examine(kLog, std::chrono::seconds(10));
  EXPECT_THAT(Alarming(found.findings), IsEmpty());
  EXPECT_THAT(found.findings, SizeIs(14));
  const double clock_s = std::stod(world.Query("SELECT extract(epoch FROM clock_timestamp())"));
  EXPECT_NEAR(static_cast<double>(found.clock_us) / 1e6, clock_s, 30);
}

TEST(PostgresExamine, ARoleWithoutPrivilegesSeesAsMuchAndAsLittleAlarm) {
  World world;
  world.Query("CREATE ROLE teller LOGIN");
  ASSERT_TRUE(PostgresBarrier::Install(world.cluster.Dsn("bank")));
  auto bank = world.Resource({.name = "bank", .dsn = world.cluster.Dsn("bank") + " user=teller"});
  EXPECT_THAT(Alarming(Examine(*bank)), IsEmpty());
  EXPECT_THAT(About(*bank, "postgresql-role").what, HasSubstr("teller"));
}

TEST(PostgresExamine, G02_AServerRestartedWithoutSlotsIsAProblem) {
  World world;
  ASSERT_TRUE(world.bank->Identify());
  world.cluster.SetSettings({"max_prepared_transactions=0", "fsync=off"});
  world.cluster.Restart();
  EXPECT_EQ(About(*world.bank, "postgresql-prepared-slots").severity, Severity::kProblem);
  EXPECT_EQ(About(*world.bank, "postgresql-fsync").severity, Severity::kProblem) << "G10";
}

TEST(PostgresExamine, SlotsThatRunOutAreTold) {
  World world(FromTemplate({"max_prepared_transactions=2"}));
  ASSERT_EQ(world.Working()->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_THAT(About(*world.bank, "postgresql-prepared-slots").what,
              HasSubstr("1 of max_prepared_transactions = 2 are used (50 %)"));
  world.cluster.Query("postgres", "BEGIN; SELECT 1; PREPARE TRANSACTION 'of-another-database'");
  EXPECT_EQ(About(*world.bank, "postgresql-prepared-slots").severity, Severity::kProblem);
}

TEST(PostgresExamine, TornPagesAndUnsynchronisedCommitsAreTold) {
  World world(FromTemplate({"full_page_writes=off", "synchronous_commit=off"}));
  EXPECT_EQ(About(*world.bank, "postgresql-fsync").severity, Severity::kWarning);
  EXPECT_EQ(About(*world.bank, "postgresql-synchronous-commit").severity, Severity::kNote);
}

TEST(PostgresExamine, AnAsynchronousStandbyIsAWarningAndTheStandbyItselfAProblem) {
  World world;
  PostgresCluster standby({.settings = {"hot_standby=on"}, .standby_of = &world.cluster});
  ASSERT_TRUE(WaitUntil([&] {
    return world.Query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1";
  }));
  const Finding asynchronous = About(*world.bank, "postgresql-replication");
  EXPECT_EQ(asynchronous.severity, Severity::kWarning);
  EXPECT_THAT(asynchronous.what, HasSubstr("1 standby streams, none of them synchronous"));
  auto on_standby = world.Resource({.name = "bank", .dsn = standby.Dsn("bank")});
  EXPECT_EQ(About(*on_standby, "postgresql-standby").severity, Severity::kProblem);

  world.Query("ALTER SYSTEM SET synchronous_standby_names = '*'");
  world.Query("SELECT pg_reload_conf()");
  ASSERT_TRUE(WaitUntil([&] {
    return world.Query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1";
  }));
  EXPECT_EQ(About(*world.bank, "postgresql-replication").severity, Severity::kOk);
  standby.Stop();
  ASSERT_TRUE(
      WaitUntil([&] { return world.Query("SELECT count(*) FROM pg_stat_replication") == "0"; }));
  EXPECT_EQ(About(*world.bank, "postgresql-replication").severity, Severity::kProblem);
}

TEST(PostgresExamine, PreparedTransactionsAreAttributed) {
  World world;
  ASSERT_EQ(world.Working()->AwaitPrepare().vote, Vote::kCommit);
  for (const char* gid : {"settle:aaaaaaaaaaaa.1.1.00000000:1", "not-settles"}) {
    world.Query("BEGIN; CREATE TABLE " + std::string(gid[0] == 's' ? "a" : "b") +
                " (); PREPARE TRANSACTION '" + gid + "'");
  }
  const std::vector<Finding> found = Examine(*world.bank);
  EXPECT_THAT(Find(found, "postgresql-prepared").what,
              AllOf(HasSubstr("this log: 1, "), HasSubstr(world.key.DatabaseName())));
  EXPECT_THAT(Find(found, "postgresql-prepared-orphans").what,
              HasSubstr("settle:aaaaaaaaaaaa.1.1.00000000:1"));
  EXPECT_EQ(SeverityOf(found, "postgresql-prepared-orphans"), Severity::kNote);
  EXPECT_THAT(Find(found, "postgresql-prepared-foreign").what, HasSubstr("not-settles"));
}

TEST(PostgresExamine, AnotherRolesBranchIsToldToARoleThatCannotFinishIt) {
  World world;
  world.Query("CREATE ROLE teller LOGIN");
  ASSERT_EQ(world.Working()->AwaitPrepare().vote, Vote::kCommit);
  auto bank = world.Resource({.name = "bank", .dsn = world.cluster.Dsn("bank") + " user=teller"});
  EXPECT_THAT(About(*bank, "postgresql-role").what, HasSubstr("cannot finish what postgres"));
  EXPECT_EQ(About(*world.bank, "postgresql-role").severity, Severity::kOk);
}

TEST(PostgresExamine, APreparedBranchThatHoldsVacuumBackIsWarnedAbout) {
  World world(FromTemplate({"autovacuum_freeze_max_age=100000"}));
  ASSERT_EQ(world.Working()->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(About(*world.bank, "postgresql-xid-age").severity, Severity::kOk);
  world.Query(
      "CREATE TEMP TABLE t (x int); DO $$ BEGIN FOR i IN 1..51000 LOOP "
      "BEGIN INSERT INTO t VALUES (1); EXCEPTION WHEN OTHERS THEN NULL; END; "
      "END LOOP; END $$");
  EXPECT_EQ(About(*world.bank, "postgresql-xid-age").severity, Severity::kWarning);
}

TEST(PostgresExamine, TheTimeoutsThatItsSessionsBeginWithAreTold) {
  World world;
  world.Query("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '2s'");
  world.Query("ALTER ROLE postgres SET statement_timeout = '60s'");
  const Finding found = About(*world.bank, "postgresql-timeouts");
  EXPECT_EQ(found.severity, Severity::kNote);
  EXPECT_THAT(found.what, HasSubstr("idle_in_transaction_session_timeout = 2000ms"));
}

TEST(PostgresExamine, WhatARoleHasUnderAServersNameIsNotTheServersWord) {
  World world;
  world.Query(
      "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'");
  world.Query("ALTER ROLE postgres SET search_path = public, pg_catalog");
  EXPECT_THAT(Alarming(Examine(*world.bank)), IsEmpty());
}

TEST(PostgresExamine, TablesOfAnOlderReleaseAreWarnedAbout) {
  World world;
  ASSERT_TRUE(PostgresBarrier::Install(world.cluster.Dsn("bank")));
  EXPECT_EQ(About(*world.bank, "postgresql-tables").severity, Severity::kOk);
  world.Query("DELETE FROM settle_migration WHERE version > 1");
  EXPECT_EQ(About(*world.bank, "postgresql-tables").severity, Severity::kWarning);
}

TEST(PostgresExamine, AServerThatIsGoneIsTheOneProblem) {
  World world;
  ASSERT_TRUE(world.bank->Identify());
  world.cluster.Stop();
  const std::vector<Finding> found = Examine(*world.bank);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(SeverityOf(found, "postgresql-reachable"), Severity::kProblem);
}

TEST(PostgresExamine, ADsnThatNowLeadsToAnotherDatabaseIsAProblem) {
  World world;
  ASSERT_TRUE(world.bank->Identify());
  world.cluster.Restart();  // lets go of idle connections
  world.cluster.Query("postgres", "ALTER DATABASE bank RENAME TO old_bank");
  world.cluster.CreateDatabase("bank");
  EXPECT_THAT(About(*world.bank, "postgresql-reachable").what, HasSubstr("now leads to"));
}

TEST(PostgresExamine, AServerThatHangsIsAProblemSoonAfterTheTimeout) {
  World world;
  auto holder = world.Resource()->Open(world.NextKey());
  // Every look at prepared transactions of the server waits for this lock's table.
  ASSERT_TRUE((*holder)->Execute("LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE"));
  const auto began = std::chrono::steady_clock::now();
  const auto found = world.bank->Examine(kLog, std::chrono::seconds(1));
  EXPECT_EQ(SeverityOf(found->findings, "postgresql-reachable"), Severity::kProblem);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(15));
}

}  // namespace
}  // namespace settle::testing
