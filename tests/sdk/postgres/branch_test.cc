// A branch while it is open: what can be done in it, and that nothing can be done around it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

TEST(PostgresBranch, IsSeenByNobodyBeforeItIsCommitted) {
  World world;
  auto branch = world.Working();
  EXPECT_EQ(world.Balance(), 100);
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_THAT(vote.evidence.database, HasSubstr("postgresql:"));
  EXPECT_EQ(vote.evidence.timeline, 1u);
  EXPECT_EQ(world.Balance(), 100);
  EXPECT_EQ(world.PreparedCount(), 1);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
  EXPECT_EQ(world.PreparedCount(), 0);
}

TEST(PostgresBranch, ParametersAndRowsAreText) {
  World world;
  auto branch = *world.bank->Open(world.key);
  auto rows = branch->Execute("SELECT $1::int + 1 AS sum, $2::text AS nothing, $3 AS quoted",
                              {"41", std::nullopt, "it's"});
  ASSERT_TRUE(rows) << Describe(rows.error());
  EXPECT_THAT(rows->columns, ::testing::ElementsAre("sum", "nothing", "quoted"));
  EXPECT_EQ(rows->rows.at(0).at(0), "42");
  EXPECT_EQ(rows->rows.at(0).at(1), std::nullopt);
  EXPECT_EQ(rows->rows.at(0).at(2), "it's");
  rows = branch->Execute("UPDATE account SET balance = balance + 1");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->affected, 2);
  EXPECT_EQ(branch->Execute(std::string("SELECT $1"), {std::string("a\0b", 3)}).error().code,
            ErrorCode::kInvalid);
}

TEST(PostgresBranch, RunsOneStatementAtATimeAndNoCopy) {
  World world;
  auto branch = *world.bank->Open(world.key);
  EXPECT_FALSE(branch->Execute("SELECT 1; COMMIT"));
  EXPECT_EQ(branch->last_sqlstate(), "42601");
  auto other = *world.bank->Open(world.NextKey());
  EXPECT_THAT(other->Execute("COPY account TO STDOUT").error().message, HasSubstr("COPY"));
  EXPECT_EQ(other->AwaitPrepare().vote, Vote::kNo);
}

TEST(PostgresBranch, ASavepointForgivesAFailedStatement) {
  World world;
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("SAVEPOINT s"));
  EXPECT_EQ(branch->Execute("UPDATE account SET balance = -1").error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch->last_sqlstate(), "23514");
  ASSERT_TRUE(branch->Execute("ROLLBACK TO SAVEPOINT s"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresBranch, DroppedUnpreparedIsRolledBack_P14) {
  World world;
  world.Working().reset();
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresBranch, DroppedPreparedStaysInDoubtAndIsFoundByAScan) {
  World world;
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit);
  branch.reset();
  EXPECT_THAT(*world.bank->ScanPrepared(), ::testing::ElementsAre(world.key.DatabaseName()));
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kCommit, vote.evidence).end,
            BranchEnd::kCommitted);
  EXPECT_THAT(*world.bank->ScanPrepared(), ::testing::IsEmpty());
}

TEST(PostgresBranch, DroppedBetweenSendingPrepareAndHearingTheVoteIsWithdrawn) {
  World world;
  auto branch = world.Working();
  branch->StartPrepare();
  branch.reset();
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresBranch, P13_NothingRunsThroughADeadHandle) {
  World world;
  auto branch = world.Working();
  branch->Fence();
  const auto rows = branch->Execute("UPDATE account SET balance = 0");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch->connection(), nullptr);
  EXPECT_EQ(world.Balance(), 100);
  EXPECT_EQ(world.OpenCount(), 0);

  auto prepared = world.Working(*world.bank, world.NextKey());
  ASSERT_EQ(prepared->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_FALSE(prepared->Execute("UPDATE account SET balance = 0"));
  EXPECT_EQ(prepared->connection(), nullptr);
  EXPECT_EQ(prepared->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_FALSE(prepared->Execute("UPDATE account SET balance = 0"));
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresBranch, P13_AConnectionThatTheApplicationKeptIsCutOffByFence) {
  World world;
  auto branch = world.Working();
  PGconn* kept = branch->connection();
  ASSERT_NE(kept, nullptr);
  branch->Fence();
  PQclear(PQexec(kept, "ROLLBACK"));
  PGresult* result = PQexec(kept, "UPDATE account SET balance = 0");
  EXPECT_EQ(PQresultStatus(result), PGRES_FATAL_ERROR);
  PQclear(result);
  EXPECT_TRUE(WaitUntil([&] { return world.OpenCount() == 0; }));
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresBranch, P13_AConnectionThatTheApplicationKeptIsCutOffByPrepare) {
  World world;
  auto branch = *world.bank->Open(world.key);
  PGconn* kept = branch->connection();
  PQclear(PQexec(kept, "UPDATE account SET balance = balance - 10 WHERE id = 1"));
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  PGresult* result = PQexec(kept, "UPDATE account SET balance = 0 WHERE id = 2");
  EXPECT_EQ(PQresultStatus(result), PGRES_FATAL_ERROR);
  PQclear(result);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(1), 90);
  EXPECT_EQ(world.Balance(2), 100);
}

TEST(PostgresBranch, P13_FenceInterruptsAStatementOfAnotherThread) {
  World world;
  auto holder = world.Working();
  auto waiter = *world.bank->Open(world.NextKey());
  Result<Rows> rows;
  std::thread thread([&] { rows = waiter->Execute("UPDATE account SET balance = 0"); });
  ASSERT_TRUE(world.AwaitEvent("transactionid"));
  waiter->Fence();
  thread.join();
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("rolled back"));
  // The server's process gives up its place in the lock's queue although its lock is never granted.
  EXPECT_TRUE(WaitUntil([&] { return world.OpenCount() == 1; }));
  EXPECT_EQ(holder->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(holder->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresBranch, P14_ASecondThreadIsRefused) {
  World world;
  auto branch = world.Working();
  std::thread thread([&] { EXPECT_TRUE(branch->Execute("SELECT pg_sleep(1)")); });
  ASSERT_TRUE(world.AwaitEvent("PgSleep"));
  const auto rows = branch->Execute("SELECT 1");
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("another thread"));
  EXPECT_EQ(branch->connection(), nullptr);
  thread.join();
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
}

TEST(PostgresBranch, P14_AForkedChildSendsNothingOnTheSharedConnection) {
  World world;
  world.Working(*world.bank, world.NextKey()).reset();  // leaves a connection in the pool
  auto other = *world.bank->Open(world.NextKey());
  auto branch = world.Working();
  other.reset();
  const pid_t child = ::fork();
  if (child == 0) {
    bool dead = !branch->Execute("UPDATE account SET balance = 0");
    dead = dead && branch->connection() == nullptr;
    dead = dead && branch->AwaitPrepare().vote == Vote::kNo && !world.bank->Open(world.NextKey());
    dead = dead && !world.bank->Identify();
    branch->Fence();
    branch.reset();
    world.bank.reset();
    ::_exit(dead ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(branch->Execute("SELECT 1"));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresBranch, CommitByTheApplicationIsFoundAndVotedDown) {
  World world;
  auto branch = world.Working();
  const auto rows = branch->Execute("COMMIT");
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("ended by the application"));
  EXPECT_FALSE(branch->Execute("UPDATE account SET balance = 0"));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("ended by the application"));
  EXPECT_EQ(world.Balance(), 90);  // that much cannot be helped
}

TEST(PostgresBranch, ATransactionThatTheApplicationBeganInsteadIsNeverPrepared) {
  World world;
  for (const char* end : {"COMMIT AND CHAIN", "ROLLBACK AND CHAIN"}) {
    auto branch = world.Working(*world.bank, world.NextKey());
    static_cast<void>(branch->Execute(end));
    static_cast<void>(branch->Execute("UPDATE account SET balance = 7 WHERE id = 2"));
    const VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kNo);
    EXPECT_THAT(vote.reason, HasSubstr("ended by the application")) << end;
    EXPECT_EQ(world.PreparedCount(), 0);
    EXPECT_EQ(world.Balance(2), 100);
  }
}

TEST(PostgresBranch, WhatTheApplicationDoesOnTheConnectionItselfIsFoundToo) {
  World world;
  const auto vote_after = [&](const std::string& sql) {
    auto branch = *world.bank->Open(world.NextKey());
    PQclear(PQexec(branch->connection(), sql.c_str()));
    VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(world.PreparedCount(), vote.vote == Vote::kCommit ? 1 : 0) << sql;
    branch->AwaitFinish(Decision::kAbort);
    return vote;
  };
  const std::string update = "UPDATE account SET balance = 1 WHERE id = 1; ";
  EXPECT_EQ(vote_after(update).vote, Vote::kCommit);
  EXPECT_THAT(vote_after(update + "COMMIT").reason, HasSubstr("by the application"));
  EXPECT_THAT(vote_after("ROLLBACK; BEGIN; " + update).reason, HasSubstr("by the application"));
  EXPECT_THAT(vote_after(update + "SELECT 1/0").reason, HasSubstr("failed"));
  EXPECT_THAT(vote_after("COPY account TO STDOUT").reason, HasSubstr("middle of a command"));
}

TEST(PostgresBranch, TheIsolationLevelCanBeSetFirst) {
  World world;
  auto branch = *world.bank->Open(world.key);
  ASSERT_TRUE(branch->Execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"));
  EXPECT_EQ(branch->Execute("SHOW transaction_isolation")->rows.at(0).at(0), "serializable");
}

}  // namespace
}  // namespace settle::testing
