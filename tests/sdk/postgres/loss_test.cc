// Connections, servers and processes that go away in the middle: never a guess, and nothing left
// behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(PostgresLoss, G04_ABackendTerminatedBeforePrepareIsARetryableNoVote) {
  World world;
  auto branch = world.Working();
  world.TerminateOpen();
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_EQ(world.PreparedCount(), 0);
  auto during = world.Working(*world.bank, world.NextKey());
  world.TerminateOpen();
  const auto rows = during->Execute("SELECT 1");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kRetryTransaction);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresLoss, G04_ABackendTerminatedAfterPrepareDoesNotHinderTheCommit) {
  World world;
  auto branch = world.Working();
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  world.Query(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
      "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresLoss, G04_AServerThatCrashedBetweenPrepareAndCommitIsRetriedUntilItIsBack) {
  World world;
  auto kept = world.Working();
  const VoteResult vote = kept->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit);
  world.cluster.Kill();
  EXPECT_EQ(kept->AwaitFinish(Decision::kCommit).end, BranchEnd::kRetry);
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kCommit, vote.evidence).end, BranchEnd::kRetry);
  world.cluster.Start();
  EXPECT_EQ(kept->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  world.cluster.Restart(PostgresCluster::StopMode::kImmediate);
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kCommit, vote.evidence).end,
            BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresLoss, APrepareThatTakesTooLongIsEndedBeforeTheNoVoteIsGiven) {
  World world;
  const auto holder = world.HoldEnds();
  PostgresOptions options;
  options.reply_timeout = 1s;
  auto bank = world.Resource(options);
  auto branch = world.Working(*bank, world.key);
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("advisory"));
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  // Its server process is gone, so the PREPARE cannot come true after the vote.
  EXPECT_EQ(world.OpenCount(), 1) << "that of the holder alone";
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
}

TEST(PostgresLoss, AServerThatDiedInAPrepareAndStaysAwayIsANoVoteThatClaimsNothing) {
  World world;
  const auto holder = world.HoldEnds();
  PostgresOptions options;
  options.reply_timeout = 500ms;
  auto bank = world.Resource(options);
  auto branch = world.Working(*bank, world.key);
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("advisory"));
  world.cluster.Kill();
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("could not be asked"));
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kRetry);
  world.cluster.Start();
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(world.PreparedCount(), 0);
}

// A server whose synchronous standby is missing: what asks for it is durable here and then waits
// for ever.
PostgresClusterOptions WithoutItsStandby() {
  return FromTemplate({"synchronous_standby_names=missing", "synchronous_commit=local"});
}

TEST(PostgresLoss, APrepareWhoseReplyWasLostIsFoundAndWithdrawn) {
  World world(WithoutItsStandby());
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("SET LOCAL synchronous_commit = on"));
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("SyncRep"));
  EXPECT_EQ(world.PreparedCount(), 1);
  world.Query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable);
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresLoss, APrepareThatDidNotReachItsStandbysIsWithdrawn) {
  World world(WithoutItsStandby());
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("SET LOCAL synchronous_commit = on"));
  branch->StartPrepare();
  ASSERT_TRUE(world.AwaitEvent("SyncRep"));
  // The server answers PREPARE TRANSACTION all the same, with a warning.
  world.Query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("standbys"));
  EXPECT_EQ(world.PreparedCount(), 0);
}

TEST(PostgresLoss, AOnePhaseCommitWhoseReplyWasLostIsProvedCommitted) {
  World world(WithoutItsStandby());
  auto branch = world.Working();
  ASSERT_TRUE(branch->Execute("SET LOCAL synchronous_commit = on"));
  ASSERT_TRUE(branch->TakeEvidence());
  std::jthread terminator([&] {
    ASSERT_TRUE(world.AwaitEvent("SyncRep"));
    world.Query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  });
  const FinishResult result = branch->CommitOnePhase();
  EXPECT_EQ(result.end, BranchEnd::kCommitted) << result.detail;
  EXPECT_THAT(result.detail, HasSubstr("committed"));
  EXPECT_EQ(world.Balance(), 90);
}

TEST(PostgresLoss, AOnePhaseCommitThatTakesTooLongIsEndedAndProvedAborted) {
  World world;
  const auto holder = world.HoldEnds();
  PostgresOptions options;
  options.reply_timeout = 1s;
  auto bank = world.Resource(options);
  auto branch = world.Working(*bank, world.key);
  ASSERT_TRUE(branch->TakeEvidence());
  const FinishResult result = branch->CommitOnePhase();
  EXPECT_EQ(result.end, BranchEnd::kAborted) << result.detail;
  EXPECT_EQ(branch->CommitOnePhase(), result);
  EXPECT_EQ(world.OpenCount(), 1) << "that of the holder alone";
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresLoss, P07_KilledBeforePrepareLeavesNothing) {
  World world;
  world.DieAt("postgres.before_prepare", "two-phase");
  EXPECT_TRUE(WaitUntil([&] { return world.OpenCount() == 0; }));
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresLoss, P07_KilledAfterPrepareIsFoundByAScanAndFinishedByKey) {
  World world;
  world.DieAt("postgres.after_prepare", "two-phase");
  EXPECT_THAT(*world.bank->ScanPrepared(), ::testing::ElementsAre(world.key.DatabaseName()));
  EXPECT_EQ(world.bank->Finish(world.key, Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(world.PreparedCount(), 0);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(PostgresLoss, P07_KilledAroundTheCommitIsCommittedOnceByTheNextProcess) {
  for (const char* failpoint : {"postgres.before_finish", "postgres.after_finish"}) {
    World world;
    const Evidence evidence = world.DieAt(failpoint, "two-phase");
    EXPECT_EQ(world.bank->Finish(world.key, Decision::kCommit, evidence).end,
              BranchEnd::kCommitted);
    EXPECT_EQ(world.Balance(), 90);
    EXPECT_EQ(world.PreparedCount(), 0);
  }
}

TEST(PostgresLoss, KilledAroundTheOnePhaseCommitIsProvedByItsEvidence) {
  const auto proved = [](const char* failpoint) {
    World world;
    const Evidence evidence = world.DieAt(failpoint, "one-phase");
    FinishResult result;
    EXPECT_TRUE(WaitUntil([&] {
      result = world.bank->Prove(world.key, evidence);
      return result.end != BranchEnd::kRetry;  // until the server notices that its client is dead
    }));
    EXPECT_EQ(world.Balance(), result.end == BranchEnd::kCommitted ? 90 : 100);
    return result.end;
  };
  EXPECT_EQ(proved("postgres.before_commit"), BranchEnd::kAborted);
  EXPECT_EQ(proved("postgres.after_commit"), BranchEnd::kCommitted);
}

}  // namespace
}  // namespace settle::testing
