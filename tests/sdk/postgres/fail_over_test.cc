// Evidence when the server is another one than at vote time, or has forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class Pair {
 public:
  Pair() : standby({.settings = {}, .standby_of = &world.cluster}) {
    // As a client would reach whichever is the primary.
    bank = world.Resource({.name = "bank",
                           .dsn = "host=" + world.cluster.socket_directory() + "," +
                                  standby.socket_directory() +
                                  " port=5432 user=postgres dbname=bank "
                                  "target_session_attrs=read-write"});
  }

  void AwaitReplayed() {
    const std::string lsn = world.Query("SELECT pg_current_wal_lsn()");
    ASSERT_TRUE(WaitUntil([&] {
      return standby.Query("bank", "SELECT pg_last_wal_replay_lsn() >= '" + lsn + "'") == "t";
    }));
  }

  World world;
  PostgresCluster standby;
  std::shared_ptr<PostgresResource> bank;
};

TEST(PostgresFailOver, G05_WithoutThePrepareThereIsNoProofAndSoAHazard) {
  Pair pair;
  pair.standby.Stop();
  auto branch = pair.world.Working(*pair.bank, pair.world.key);
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  pair.world.cluster.Kill();
  pair.standby.Start();
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kRetry) << "no primary yet";
  pair.standby.Promote();
  const FinishResult result = branch->AwaitFinish(Decision::kCommit);
  EXPECT_EQ(result.end, BranchEnd::kHazard);
  EXPECT_THAT(result.detail, HasSubstr("fail-over"));
  EXPECT_EQ(pair.bank->Finish(pair.world.NextKey(), Decision::kAbort, {}).end, BranchEnd::kAborted);
}

TEST(PostgresFailOver, G05_WithThePrepareTheNewPrimaryCommits) {
  Pair pair;
  auto branch = pair.world.Working(*pair.bank, pair.world.key);
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  pair.AwaitReplayed();
  pair.world.cluster.Kill();
  pair.standby.Promote();
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(pair.standby.Query("bank", "SELECT balance FROM account WHERE id = 1"), "90");
}

TEST(PostgresFailOver, G05_WithThePrepareButWithoutTheCommitItIsCommittedAgain) {
  Pair pair;
  auto branch = pair.world.Working(*pair.bank, pair.world.key);
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  pair.AwaitReplayed();
  pair.standby.Stop();  // it hears nothing of what follows
  ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(pair.world.Balance(), 90);
  pair.world.cluster.Kill();
  pair.standby.Start();
  const auto finish = [&] {
    return pair.bank->Finish(pair.world.key, Decision::kCommit, vote.evidence);
  };
  EXPECT_EQ(finish().end, BranchEnd::kRetry) << "a standby gives no verdict";
  pair.standby.Promote();
  // The fail-over took the commit back: the branch is prepared again, as a scan will find.
  EXPECT_EQ(pair.standby.Query("bank", "SELECT balance FROM account WHERE id = 1"), "100");
  EXPECT_THAT(*pair.bank->ScanPrepared(), ::testing::ElementsAre(pair.world.key.DatabaseName()));
  EXPECT_EQ(finish().end, BranchEnd::kCommitted);
  EXPECT_EQ(pair.standby.Query("bank", "SELECT balance FROM account WHERE id = 1"), "90");
  EXPECT_EQ(finish().end, BranchEnd::kHazard) << "proof is of the timeline that took the vote";
}

TEST(PostgresFailOver, EvidenceNamesTheNewTimelineRightAfterAPromotion) {
  Pair pair;
  pair.world.cluster.Kill();
  pair.standby.Promote();
  auto branch = pair.world.Working(*pair.bank, pair.world.key);
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(vote.evidence.timeline, 2u);
  pair.standby.Query("bank", "ROLLBACK PREPARED '" + pair.world.key.DatabaseName() + "'");
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kAborted) << "still provable";
}

// A connection's timeline is the server's at the time that it was made, unless that was a standby.
TEST(PostgresFailOver, EvidenceOfAConnectionFromBeforeThePromotionNamesTheNewTimeline) {
  Pair pair;
  PostgresOptions options{.name = "bank", .dsn = pair.standby.Dsn("bank")};
  options.connections_max = 1;
  auto bank = pair.world.Resource(options);
  const auto process = [&](PostgresBranch& branch) {
    return branch.Execute("SELECT pg_backend_pid(), pg_is_in_recovery()")->rows.at(0);
  };
  auto before = *bank->Open(pair.world.NextKey());
  const auto on_standby = process(*before);
  ASSERT_EQ(on_standby.at(1), "t");
  before.reset();
  pair.world.cluster.Kill();
  pair.standby.Promote();
  auto branch = *bank->Open(pair.world.key);
  EXPECT_THAT(process(*branch), ::testing::ElementsAre(on_standby.at(0), "f")) << "not the same";
  ASSERT_TRUE(branch->Execute("UPDATE account SET balance = 90 WHERE id = 1"));
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(vote.evidence.timeline, 2u);
  pair.standby.Query("bank", "ROLLBACK PREPARED '" + pair.world.key.DatabaseName() + "'");
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kAborted) << "still provable";
}

TEST(PostgresFailOver, G06_AStandbyNeverGivesAVerdict) {
  Pair pair;
  auto branch = pair.world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  auto standby = pair.world.Resource({.name = "bank", .dsn = pair.standby.Dsn("bank")});
  pair.AwaitReplayed();
  for (const Decision decision : {Decision::kCommit, Decision::kAbort}) {
    EXPECT_EQ(standby->Finish(pair.world.key, decision, vote.evidence).end, BranchEnd::kRetry);
    EXPECT_EQ(standby->Finish(pair.world.NextKey(), decision, {}).end, BranchEnd::kRetry);
  }
  EXPECT_EQ(standby->Prove(pair.world.key, vote.evidence).end, BranchEnd::kRetry);
  EXPECT_FALSE(standby->ScanPrepared());
  EXPECT_THAT(Describe(standby->Identify().error()), HasSubstr("standby"));
  EXPECT_EQ(pair.world.PreparedCount(), 1);
}

TEST(PostgresProof, ATransactionThatTheServerHasForgottenIsAHazard) {
  World world;
  auto branch = world.Working();
  const VoteResult vote = branch->AwaitPrepare();
  world.Query("ROLLBACK PREPARED '" + world.key.DatabaseName() + "'");
  // The status of a million transactions is forgotten at a time.
  world.Query(
      "CREATE TEMP TABLE t (x int); DO $$ BEGIN FOR i IN 1..1060000 LOOP "
      "BEGIN INSERT INTO t VALUES (1); EXCEPTION WHEN OTHERS THEN NULL; END; "
      "END LOOP; END $$");
  world.cluster.Query("postgres", "UPDATE pg_database SET datallowconn = true");
  for (const char* database : {"template0", "template1", "postgres", "bank"}) {
    world.cluster.Query(database, "VACUUM FREEZE");
  }
  const FinishResult result = branch->AwaitFinish(Decision::kCommit);
  EXPECT_EQ(result.end, BranchEnd::kHazard) << result.detail;
  EXPECT_THAT(result.detail, HasSubstr("too old"));
}

TEST(PostgresProof, EvidenceThatCannotBeOfThisDatabasesPastIsAHazard) {
  World world;
  auto branch = world.Working();
  Evidence evidence = branch->AwaitPrepare().evidence;
  branch->AwaitFinish(Decision::kCommit);
  evidence.local_transaction = "4000000000";
  const FinishResult future = world.bank->Prove(world.key, evidence);
  EXPECT_EQ(future.end, BranchEnd::kHazard);
  EXPECT_THAT(future.detail, HasSubstr("set back"));
  for (const char* text : {"17; DROP TABLE account", "-1 OR 1=1", "x"}) {
    evidence.local_transaction = text;
    EXPECT_EQ(world.bank->Prove(world.key, evidence).end, BranchEnd::kHazard) << text;
  }
  EXPECT_EQ(world.Balance(), 90);
}

}  // namespace
}  // namespace settle::testing
