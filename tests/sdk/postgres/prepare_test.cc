// Phase one: commit is voted only for what PostgreSQL has durably prepared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <chrono>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using std::chrono_literals::operator""ms;

// "self": the bank, as tables of another server.
void MakeForeignServer(const World& world) {
  world.Query("CREATE EXTENSION postgres_fdw");
  world.Query("CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '" +
              world.cluster.socket_directory() + "', dbname 'bank')");
  world.Query("CREATE USER MAPPING FOR postgres SERVER self OPTIONS (user 'postgres')");
}

TEST(PostgresPrepare, P11_ABranchThatWroteNothingIsReadOnlyAndReleased) {
  World world;
  auto branch = *world.bank->Open(world.key);
  ASSERT_TRUE(branch->Execute("SELECT * FROM account"));
  ASSERT_TRUE(branch->Execute("UPDATE account SET balance = 0 WHERE id = 99"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kReadOnly);
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ(world.PreparedCount(), 0);
  auto untouched = *world.bank->Open(world.NextKey());
  EXPECT_EQ(untouched->AwaitPrepare().vote, Vote::kReadOnly);
}

TEST(PostgresPrepare, P11_AWriteHiddenInAFunctionIsNotReadOnly) {
  World world;
  world.Query(
      "CREATE FUNCTION spend() RETURNS int LANGUAGE sql AS "
      "'UPDATE account SET balance = balance - 10 WHERE id = 1 RETURNING balance'");
  auto branch = *world.bank->Open(world.key);
  ASSERT_TRUE(branch->Execute("SELECT spend()"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresPrepare, P11_AWriteToAForeignTableAloneIsNotReadOnly) {
  World world;
  MakeForeignServer(world);
  world.Query(
      "CREATE FOREIGN TABLE far (id int, balance int) SERVER self "
      "OPTIONS (table_name 'account')");
  auto branch = *world.bank->Open(world.key);
  // A function, so that the tag does not give the write away.
  world.Query(
      "CREATE FUNCTION spend_far() RETURNS void LANGUAGE sql AS "
      "'UPDATE far SET balance = 1 WHERE id = 1'");
  ASSERT_TRUE(branch->Execute("SELECT spend_far()"));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("foreign tables"));
  EXPECT_TRUE(WaitUntil([&] { return world.OpenCount() == 0; }));
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresPrepare, P11_AWriteToAForeignTableYoungerThanTheSnapshotIsNotReadOnly) {
  World world;
  MakeForeignServer(world);
  auto branch = *world.bank->Open(world.key);
  ASSERT_TRUE(branch->Execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  ASSERT_TRUE(branch->Execute("SELECT * FROM account"));
  world.Query(
      "CREATE FOREIGN TABLE far (id int, balance int) SERVER self "
      "OPTIONS (table_name 'account')");
  ASSERT_TRUE(branch->Execute("WITH spent AS (UPDATE far SET balance = 1 WHERE id = 1) SELECT 1"));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("foreign tables"));
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresPrepare, P01_PreparedTwiceIsOneBranchAndOneVote) {
  World world;
  auto branch = world.Working();
  branch->StartPrepare();
  branch->StartPrepare();
  const VoteResult first = branch->AwaitPrepare();
  EXPECT_EQ(first.vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitPrepare(), first);
  EXPECT_EQ(world.PreparedCount(), 1);
}

TEST(PostgresPrepare, P02_ALatePrepareOfAFencedBranchIsRefused) {
  World world;
  auto branch = world.Working();
  branch->Fence();
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  auto sent = world.Working(*world.bank, world.NextKey());
  sent->StartPrepare();
  sent->Fence();
  EXPECT_EQ(sent->AwaitPrepare().vote, Vote::kNo);
  EXPECT_EQ(sent->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresPrepare, G01_AFailedStatementIsANoVoteWithTheReason) {
  World world;
  auto branch = world.Working();
  const auto rows = branch->Execute("UPDATE account SET balance = -1");
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, AllOf(HasSubstr("23514"), HasSubstr("balance_check")));
  EXPECT_FALSE(branch->Execute("SELECT 1"));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_FALSE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("23514"));
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
}

TEST(PostgresPrepare, G02_ExhaustedPreparedSlotsAreARetryableNoVote) {
  World world(FromTemplate({"max_prepared_transactions=1"}));
  auto first = world.Working();
  ASSERT_EQ(first->AwaitPrepare().vote, Vote::kCommit);
  auto second = *world.bank->Open(world.NextKey());
  ASSERT_TRUE(second->Execute("UPDATE account SET balance = 0 WHERE id = 2"));
  const VoteResult vote = second->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("53200"));
  EXPECT_EQ(world.OpenCount(), 0);
}

TEST(PostgresPrepare, G03_AGidInUseIsANoVoteThatLeavesTheOtherBranchAlone) {
  World world;
  auto first = world.Working();
  ASSERT_EQ(first->AwaitPrepare().vote, Vote::kCommit);
  auto second = *world.bank->Open(world.key);
  ASSERT_TRUE(second->Execute("UPDATE account SET balance = 0 WHERE id = 2"));
  const VoteResult vote = second->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("42710"));
  EXPECT_EQ(second->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(world.PreparedCount(), 1);
  EXPECT_EQ(first->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(1), 90);
  EXPECT_EQ(world.Balance(2), 100);
}

VoteResult VoteAfter(World& world, const std::string& sql) {
  auto branch = world.Working(*world.bank, world.NextKey());
  const auto rows = branch->Execute(sql);
  EXPECT_TRUE(rows) << Describe(rows.error());
  VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo) << sql;
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
  return vote;
}

TEST(PostgresPrepare, G07_WhatCannotBePreparedIsANoVoteWithThatReason) {
  World world;
  world.Query("CREATE TABLE child (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)");
  EXPECT_THAT(VoteAfter(world, "CREATE TEMP TABLE t AS SELECT 1").reason,
              AllOf(HasSubstr("0A000"), HasSubstr("temporary")));
  EXPECT_THAT(VoteAfter(world, "NOTIFY news").reason, HasSubstr("NOTIFY"));
  EXPECT_THAT(VoteAfter(world, "DECLARE c CURSOR WITH HOLD FOR SELECT 1").reason,
              HasSubstr("WITH HOLD"));
  const VoteResult orphan = VoteAfter(world, "INSERT INTO child VALUES (17)");
  EXPECT_THAT(orphan.reason, AllOf(HasSubstr("23503"), HasSubstr("child_id_fkey")));
  EXPECT_FALSE(orphan.retryable);

  auto silent = *world.bank->Open(world.NextKey());
  ASSERT_TRUE(silent->Execute("NOTIFY news"));
  EXPECT_THAT(silent->AwaitPrepare().reason, HasSubstr("NOTIFY"));
}

TEST(PostgresPrepare, G07_ASerializationFailureIsARetryableNoVote) {
  World world;
  auto a = *world.bank->Open(world.key);
  auto b = *world.bank->Open(world.NextKey());
  for (const auto& branch : {a, b}) {
    ASSERT_TRUE(branch->Execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"));
    ASSERT_TRUE(branch->Execute("SELECT sum(balance) FROM account"));
  }
  ASSERT_TRUE(a->Execute("UPDATE account SET balance = 1 WHERE id = 1"));
  ASSERT_TRUE(b->Execute("UPDATE account SET balance = 1 WHERE id = 2"));
  EXPECT_EQ(a->AwaitPrepare().vote, Vote::kCommit);
  const VoteResult vote = b->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("40001"));
}

TEST(PostgresPrepare, G08_AStatementTimeoutIsANoVoteAndLeavesNoHalfState) {
  World world;
  PostgresOptions options;
  options.statement_timeout = 50ms;
  auto impatient = world.Resource(options);
  auto branch = world.Working(*impatient, world.key);
  EXPECT_EQ(branch->Execute("SELECT pg_sleep(20)").error().code, ErrorCode::kRetryTransaction);
  EXPECT_EQ(branch->last_sqlstate(), "57014");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresPrepare, G08_AnIdleTransactionThatTheServerEndedIsANoVote) {
  World world;
  auto branch = *world.bank->Open(world.key);
  ASSERT_TRUE(branch->Execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'"));
  ASSERT_TRUE(branch->Execute("UPDATE account SET balance = 0 WHERE id = 1"));
  ASSERT_TRUE(WaitUntil([&] { return world.OpenCount() == 0; }));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("idle-in-transaction timeout"));
  EXPECT_EQ(world.Balance(), 100);
  EXPECT_EQ(world.PreparedCount(), 0);
}

TEST(PostgresPrepare, ABranchThatActsAsAnotherRoleIsANoVote) {
  World world;
  world.Query("CREATE ROLE teller");
  world.Query("GRANT ALL ON account TO teller");
  // Prepared as teller, it could not be finished by the connection's own role.
  for (const char* set : {"SET ROLE teller", "SET LOCAL ROLE teller"}) {
    EXPECT_THAT(VoteAfter(world, set).reason, HasSubstr("RESET ROLE"));
  }
}

TEST(PostgresPrepare, TwoBranchesPrepareAtTheSameTime) {
  World world;
  world.cluster.CreateDatabase("other");
  // Each PREPARE holds until both are under way: one after the other they would never end.
  world.MakeMeetingPlace("bank", "DEFERRABLE INITIALLY DEFERRED");
  world.MakeMeetingPlace("other", "DEFERRABLE INITIALLY DEFERRED");
  auto other = world.Resource({.name = "other", .dsn = world.cluster.Dsn("other")});
  auto a = *world.bank->Open(world.key);
  auto b = *other->Open(world.NextKey());
  ASSERT_TRUE(a->Execute("INSERT INTO meeting VALUES (1)"));
  ASSERT_TRUE(b->Execute("INSERT INTO meeting VALUES (1)"));
  a->StartPrepare();
  b->StartPrepare();
  const VoteResult vote_a = a->AwaitPrepare();
  const VoteResult vote_b = b->AwaitPrepare();
  EXPECT_EQ(vote_a.vote, Vote::kCommit) << vote_a.reason;
  EXPECT_EQ(vote_b.vote, Vote::kCommit) << vote_b.reason;
  a->StartFinish(Decision::kCommit);
  b->StartFinish(Decision::kCommit);
  EXPECT_EQ(a->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(b->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
}

}  // namespace
}  // namespace settle::testing
