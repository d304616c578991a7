// A site on PostgreSQL: its record outside of the prepared transaction, and what crashes and peers
// at the wrong moment make of it.
#include "sdk/ledger/postgres_site.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using enum SiteState;
using Durability = SiteLedger::Durability;

TEST_F(PostgresSite, M10_AVoteIsWaitingAlsoWhenTheServerForgotTheStepFromInitial) {
  const auto branch = world_.Working(*bank_, world_.key);
  const VoteResult vote = PrepareSite(*branch);
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(RawState(), "waiting");
  world_.cluster.Kill();
  world_.cluster.Start();
  ASSERT_EQ(RawState(), "initial") << "the crash took nothing back, so that nothing was shown";
  ASSERT_EQ(world_.PreparedCount(), 1);
  EXPECT_EQ(At(), (SiteAnswer{kWaiting, kFirstBallot, {}, {}}));
  // Nobody may take it for a site that has not voted.
  SiteRecord initial{{}, ThreeSites(), vote.evidence};
  SiteRecord fenced = initial;
  fenced.at = {kAborted, {2, 1}, {}, {}};
  EXPECT_FALSE(*ledger_->Put(world_.key, initial, fenced, Durability::kForce));
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 1}, {}}));
  EXPECT_EQ(At(), (SiteAnswer{kWaiting, {2, 1}, {}, {}}));
  EXPECT_EQ(RawState(), "waiting");
}

TEST_F(PostgresSite, P07_KilledBetweenPrepareAndTheStepFromInitialItIsWaiting) {
  DieAt("postgres.after_prepare");
  EXPECT_EQ(world_.PreparedCount(), 1);
  EXPECT_EQ(RawState(), "initial");
  EXPECT_EQ(At().state, kWaiting);
  EXPECT_TRUE(ledger_->Prune({kLog, 1, 99}));
  EXPECT_EQ(At().state, kWaiting) << "prepared: somebody has to end it";
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 2}, {}}));
  EXPECT_TRUE(Tell({PeerVerb::kPreAbort, {2, 2}, {}}));
  EXPECT_TRUE(Tell({PeerVerb::kAbort, {2, 2}, {1, 2}}));
  EXPECT_EQ(bank_->Finish(world_.key, Decision::kAbort, {}).end, BranchEnd::kAborted);
}

TEST_F(PostgresSite, P07_KilledBeforePrepareItIsInitialAndAnElectionAbortsIt) {
  DieAt("postgres.before_prepare");
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(At().state, kInitial);
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 2}, {}}));
  EXPECT_EQ(At(), (SiteAnswer{kAborted, {2, 2}, {}, {}}));
  EXPECT_TRUE(ledger_->Prune({kLog, 1, 99}));
  EXPECT_EQ(RawState(), "");
}

TEST_F(PostgresSite, ARecordOfABranchThatNeverCameToBePreparedIsPrunedToo) {
  DieAt("postgres.before_prepare");
  EXPECT_EQ(RawState(), "initial");
  EXPECT_TRUE(ledger_->Prune({kLog, 1, 99}));
  EXPECT_EQ(RawState(), "");
}

TEST_F(PostgresSite, M11_AnElectionBetweenPrepareAndTheStepFromInitialJoinsAWaitingSite) {
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
  branch->StartPrepare();
  ASSERT_TRUE(WaitUntil([&] { return world_.PreparedCount() == 1; }));
  ASSERT_EQ(RawState(), "initial");
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 1}, {}}));
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit) << "its answer to the peers was waiting";
  EXPECT_EQ(At(), (SiteAnswer{kWaiting, {2, 1}, {}, {}}));
  EXPECT_EQ(world_.PreparedCount(), 1);
}

TEST_F(PostgresSite, M11_AnElectionWhilePrepareIsUnderWayAbortsItAndItVotesNo) {
  const auto holder = world_.HoldEnds();
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
  branch->StartPrepare();
  ASSERT_TRUE(world_.AwaitEvent("advisory"));
  ASSERT_EQ(At().state, kInitial);
  EXPECT_TRUE(Tell({PeerVerb::kElect, {2, 1}, {}}));
  EXPECT_EQ(At(), (SiteAnswer{kAborted, {2, 1}, {}, {}}));
  holder->Fence();
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("peers"));
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(At(), (SiteAnswer{kAborted, {2, 1}, {}, {}}));
  EXPECT_EQ(world_.Balance(), 100);
}

TEST_F(PostgresSite, ANoVoteLeavesAnAbortedRecord) {
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->Execute("CREATE TEMP TABLE t (x int)"));
  const VoteResult vote = PrepareSite(*branch);
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("0A000"));
  EXPECT_EQ(At(), (SiteAnswer{kAborted, kFirstBallot, {}, {}}));
}

TEST_F(PostgresSite, ABranchFencedWhilePreparingLeavesAnAbortedRecord) {
  const auto holder = world_.HoldEnds();
  const auto branch = world_.Working(*bank_, world_.key);
  ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
  branch->StartPrepare();
  ASSERT_TRUE(world_.AwaitEvent("advisory"));
  branch->Fence();
  holder->Fence();
  EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kNo);
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(At(), (SiteAnswer{kAborted, kFirstBallot, {}, {}}));
}

TEST_F(PostgresSite, ABranchInWhichNothingRanIsPreparedToo) {
  auto branch = bank_->Open(world_.key);
  ASSERT_TRUE(branch);
  const VoteResult vote = PrepareSite(**branch);
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(world_.PreparedCount(), 1);
  EXPECT_EQ((*branch)->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
}

// As pg_stat_wal counts them once the sessions that made them are over.
std::string SyncsOfEndedSessions(const World& world) {
  const std::string others =
      "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
      "AND pid <> pg_backend_pid()";
  EXPECT_TRUE(WaitUntil([&] { return world.Query(others) == "0"; }));
  return world.Query("SELECT wal_sync FROM pg_stat_wal");
}

TEST_F(PostgresSite, ASiteForcesThreeWritesAndABranchUnderTwoPhaseCommitTwo) {
  if (world_.Query("SELECT count(*) FROM pg_attribute WHERE attname = 'wal_sync' "
                   "AND attrelid = to_regclass('pg_catalog.pg_stat_wal')") != "1") {
    GTEST_SKIP() << "this release of PostgreSQL does not count them in pg_stat_wal";
  }
  bank_.reset();
  for (const bool three_phase : {true, false}) {
    const BranchKey key = world_.NextKey();
    SyncsOfEndedSessions(world_);
    world_.Query("SELECT pg_stat_reset_shared('wal')");
    auto bank = Resource();
    auto branch = world_.Working(*bank, key);
    if (three_phase) {
      ASSERT_TRUE(branch->BecomeSite(ThreeSites()));
    }
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    if (three_phase) {
      SiteLedger& ledger = *bank->site_ledger();
      const SiteRecord waiting = **ledger.Find(key);
      SiteRecord pre_committed = waiting;
      pre_committed.at = quorum::After(waiting.at, {PeerVerb::kPreCommit, kFirstBallot, {}});
      ASSERT_TRUE(*ledger.Put(key, waiting, pre_committed, Durability::kForce));
      SiteRecord committed = pre_committed;
      committed.at = quorum::After(pre_committed.at, {PeerVerb::kCommit, kFirstBallot, {0, 1}});
      ASSERT_TRUE(*ledger.Put(key, pre_committed, committed, Durability::kLazy));
    }
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
    branch.reset();
    bank.reset();
    EXPECT_EQ(SyncsOfEndedSessions(world_), three_phase ? "3" : "2");
  }
}

}  // namespace
}  // namespace settle::testing
