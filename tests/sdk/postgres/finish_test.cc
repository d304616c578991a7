// Phase two: by the branch and by key, once whatever happens, and never a verdict without proof.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

TEST(PostgresFinish, AbortRollsAPreparedBranchBack) {
  World world;
  auto branch = world.Working();
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresFinish, P03_CommittedTwiceHasItsEffectOnce) {
  World world;
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  const FinishResult again = world.bank->Finish(world.key, Decision::kCommit, vote.evidence);
  EXPECT_EQ(again.end, BranchEnd::kCommitted) << again.detail;
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresFinish, P03_CommittedByManyThreadsAtOnceHasItsEffectOnce) {
  World world;
  for (int round = 0; round < 20; ++round) {
    const BranchKey key = world.NextKey();
    auto branch = *world.bank->Open(key);
    ASSERT_TRUE(branch->Execute("UPDATE account SET balance = balance - 1 WHERE id = 1"));
    const VoteResult vote = branch->AwaitPrepare();
    branch.reset();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        FinishResult result;
        EXPECT_TRUE(WaitUntil([&] {
          result = world.bank->Finish(key, Decision::kCommit, vote.evidence);
          return result.end != BranchEnd::kRetry;
        }));
        EXPECT_EQ(result.end, BranchEnd::kCommitted) << result.detail;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(world.Balance(), 80);
}

TEST(PostgresFinish, P04_AbortOfABranchThatNeverWasIsDone) {
  World world;
  EXPECT_EQ(world.bank->Finish(world.NextKey(), Decision::kAbort, {}).end, BranchEnd::kAborted);
}

TEST(PostgresFinish, CommitOfABranchWithoutEvidenceIsAHazardAndNeverASuccess) {
  World world;
  const FinishResult result = world.bank->Finish(world.NextKey(), Decision::kCommit, {});
  EXPECT_EQ(result.end, BranchEnd::kHazard);
  EXPECT_THAT(result.detail, HasSubstr("no evidence"));
}

TEST(PostgresFinish, P05_P06_ARollbackByHandAgainstACommitIsProved) {
  World world;
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  world.Query("ROLLBACK PREPARED '" + world.key.DatabaseName() + "'");
  const FinishResult result = branch->AwaitFinish(Decision::kCommit);
  EXPECT_EQ(result.end, BranchEnd::kAborted);
  EXPECT_THAT(result.detail, HasSubstr("rolled back"));
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kCommit, vote.evidence).end,
            BranchEnd::kAborted);
}

TEST(PostgresFinish, P06_ACommitByHandAgainstAnAbortIsProved) {
  World world;
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  world.Query("COMMIT PREPARED '" + world.key.DatabaseName() + "'");
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kAbort, vote.evidence).end,
            BranchEnd::kCommitted);
}

TEST(PostgresFinish, P06_AHandThatAgreesWithTheDecisionIsNoHazard) {
  World world;
  auto branch = world.Working();
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  world.Query("COMMIT PREPARED '" + world.key.DatabaseName() + "'");
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresFinish, AnotherDatabaseNeverGivesAVerdict) {
  World world;
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  branch.reset();
  World other(PostgresClusterOptions{});
  // It answers, also by that number of a transaction, but it is not the one that was asked.
  for (const Decision decision : {Decision::kCommit, Decision::kAbort}) {
    const FinishResult result = other.bank->Finish(world.key, decision, vote.evidence);
    EXPECT_EQ(result.end, BranchEnd::kRetry);
    EXPECT_THAT(result.detail, HasSubstr("another database"));
  }
  EXPECT_EQ(world.PreparedCount(), 1);
}

TEST(PostgresFinish, G03_AGidOfAnotherDatabaseOrRoleIsRetriedAndIgnoredByScans) {
  World world;
  world.Query("CREATE ROLE teller LOGIN");
  world.cluster.CreateDatabase("vault");
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  branch.reset();
  const std::string dsn = world.cluster.Dsn("bank");
  auto teller = world.Resource({.name = "bank", .dsn = dsn + " user=teller"});
  const FinishResult by_teller = teller->Finish(world.key, Decision::kCommit, vote.evidence);
  EXPECT_EQ(by_teller.end, BranchEnd::kRetry);
  EXPECT_THAT(by_teller.detail, HasSubstr("42501"));
  EXPECT_THAT(*teller->ScanPrepared(), ::testing::IsEmpty());
  auto vault = world.Resource({.name = "vault", .dsn = world.cluster.Dsn("vault")});
  const FinishResult from_vault = vault->Finish(world.key, Decision::kCommit, vote.evidence);
  EXPECT_EQ(from_vault.end, BranchEnd::kRetry);
  EXPECT_THAT(from_vault.detail, HasSubstr("0A000"));
  EXPECT_THAT(*vault->ScanPrepared(), ::testing::IsEmpty());
  EXPECT_EQ(world.bank->ScanPrepared()->size(), 1u);
}

TEST(PostgresFinish, WhatTheApplicationLeftInTheSessionDoesNotStandInTheWay) {
  World world;
  world.Query("CREATE ROLE teller");
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("SET lock_timeout = 1"));
  ASSERT_TRUE(branch->Execute("SET default_transaction_read_only = on"));
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresFinish, ABranchThatVotedNoOrNothingEndsAsItIs) {
  World world;
  auto reader = *world.bank->Open(world.key);
  ASSERT_TRUE(reader->Execute("SELECT 1"));
  ASSERT_EQ(reader->AwaitPrepare().vote, Vote::kReadOnly);
  EXPECT_EQ(reader->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  auto unprepared = world.Working(*world.bank, world.NextKey());
  EXPECT_EQ(unprepared->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(world.OpenCount(), 0);
}

TEST(PostgresOnePhase, CommitsWithEvidenceThatProvesIt) {
  World world;
  auto branch = world.Working();
  const Result<Evidence> evidence = branch->TakeEvidence();
  ASSERT_TRUE(evidence) << Describe(evidence.error());
  EXPECT_EQ(world.bank->Prove(world.key, *evidence).end, BranchEnd::kRetry);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(world.bank->Prove(world.key, *evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
  EXPECT_EQ(world.OpenCount(), 0);
}

TEST(PostgresOnePhase, ABranchThatWroteNothingIsReleased) {
  World world;
  auto branch = *world.bank->Open(world.key);
  ASSERT_TRUE(branch->Execute("SELECT 1"));
  EXPECT_EQ(branch->TakeEvidence().error().code, ErrorCode::kNotFound);
  EXPECT_EQ(world.OpenCount(), 0);
  EXPECT_EQ((*world.bank->Open(world.NextKey()))->TakeEvidence().error().code,
            ErrorCode::kNotFound);
}

TEST(PostgresOnePhase, G07_AConstraintThatFailsAtCommitIsAnAbort) {
  World world;
  world.Query("CREATE TABLE child (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)");
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("INSERT INTO child VALUES (17)"));
  const Result<Evidence> evidence = branch->TakeEvidence();
  const FinishResult result = branch->CommitOnePhase();
  EXPECT_EQ(result.end, BranchEnd::kAborted);
  EXPECT_THAT(result.detail, HasSubstr("23503"));
  EXPECT_EQ(world.bank->Prove(world.key, *evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresOnePhase, G01_AFailedBranchGivesNoEvidence) {
  World world;
  auto branch = world.Working();
  EXPECT_FALSE(branch->Execute("SELECT 1/0"));
  EXPECT_EQ(branch->TakeEvidence().error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
}

TEST(PostgresOnePhase, FencedBeforeItsCommitIsProvedAborted) {
  World world;
  auto branch = world.Working();
  ASSERT_TRUE(branch->TakeEvidence());
  branch->Fence();
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kAborted);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresOnePhase, IsFlushedAlsoWhereSynchronousCommitIsOff) {
  World world(FromTemplate({"synchronous_commit=off", "wal_writer_delay=10s"}));
  auto branch = world.Working();
  ASSERT_TRUE(branch->TakeEvidence());
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  world.cluster.Kill();
  world.cluster.Start();
  EXPECT_EQ(world.Balance(), 90);
}

}  // namespace
}  // namespace settle::testing
