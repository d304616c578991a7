// A branch that is a site: what its vote leaves in the ledger, and who is faster, it or its peers.
#include "quorum/site.h"
#include "sdk/ledger/ledger_world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum SiteState;
using Durability = SiteLedger::Durability;

class SiteVote : public LedgerTest {};
SETTLE_FOR_EACH_LEDGER(SiteVote);

TEST_P(SiteVote, AYesLeavesAWaitingRecordWithItsPeersAndItsEvidence) {
  const auto branch = world_->Work(*resource_, SiteKey());
  const VoteResult vote = PrepareSite(*branch);
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  const SiteRecord waiting{{kWaiting, kFirstBallot, {}, {}}, ThreeSites(), vote.evidence};
  EXPECT_EQ(Found(), waiting);
  EXPECT_EQ(branch->AwaitPrepare(), vote);
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world_->Balance(), "90");
}

TEST_P(SiteVote, M10_TheRecordIsThereAfterACrashRightAfterTheVote) {
  const auto branch = world_->Work(*resource_, SiteKey());
  const VoteResult vote = PrepareSite(*branch);
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  Crash();
  const SiteRecord waiting{{kWaiting, kFirstBallot, {}, {}}, ThreeSites(), vote.evidence};
  EXPECT_EQ(Found(), waiting);
  SiteRecord pre_committed = waiting;
  pre_committed.at = quorum::After(waiting.at, {PeerVerb::kPreCommit, kFirstBallot, {}});
  ASSERT_EQ(pre_committed.at.state, kPreCommitted);
  EXPECT_TRUE(Put(waiting, pre_committed));
  Crash();
  EXPECT_EQ(Found(), pre_committed);
}

TEST_P(SiteVote, ABranchThatWroteNothingIsPreparedNevertheless) {
  const auto branch = world_->Work(*resource_, SiteKey(), /*writes=*/false);
  const VoteResult vote = PrepareSite(*branch);
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  EXPECT_EQ(Found()->at.state, kWaiting);
  EXPECT_THAT(*resource_->ScanPrepared(), ::testing::ElementsAre(SiteKey().DatabaseName()));
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_THAT(*resource_->ScanPrepared(), IsEmpty());
  EXPECT_EQ(world_->Balance(), "100");
  // And by its key, in another process.
  auto next = world_->Work(*resource_, SiteKey(2), /*writes=*/false);
  const VoteResult again = PrepareSite(*next);
  ASSERT_EQ(again.vote, Vote::kCommit) << again.reason;
  next.reset();
  EXPECT_EQ(world_->Open()->Finish(SiteKey(2), Decision::kCommit, again.evidence).end,
            BranchEnd::kCommitted);
}

TEST_P(SiteVote, WithoutBecomingASiteNothingIsRecorded) {
  const auto branch = world_->Work(*resource_, SiteKey());
  branch->StartPrepare();
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(world_->Rows(), "0");
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
}

TEST_P(SiteVote, M11_AnElectionBeforeThePrepareFencesIt) {
  const auto peer = world_->Open();
  // Before it begins its work: while it works, a file of SQLite has no other writer.
  SiteAnswer fenced = quorum::After({}, {PeerVerb::kElect, {2, 3}, {}});
  ASSERT_EQ(fenced.state, kAborted);
  ASSERT_TRUE(
      *peer->site_ledger()->Put(SiteKey(), std::nullopt, {fenced, {}, {}}, Durability::kForce));
  const auto branch = world_->Work(*resource_, SiteKey());
  const VoteResult vote = PrepareSite(*branch);
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_FALSE(vote.retryable);
  EXPECT_THAT(vote.reason, HasSubstr("peers"));
  EXPECT_THAT(*resource_->ScanPrepared(), IsEmpty());
  EXPECT_EQ(Found()->at, fenced) << "left as the peers had it";
  EXPECT_EQ(world_->Balance(), "100");
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
}

TEST_P(SiteVote, AnElectionOfABranchThatIsStillAtWorkInThisProcessFencesIt) {
  const auto branch = world_->Work(*resource_, SiteKey());
  ASSERT_TRUE(Put(std::nullopt, Fenced({2, 3})));
  EXPECT_EQ(PrepareSite(*branch).vote, Vote::kNo);
  EXPECT_EQ(Found(), Fenced({2, 3}));
  EXPECT_THAT(*resource_->ScanPrepared(), IsEmpty());
}

TEST_P(SiteVote, AnElectionAfterANoVoteFindsAnAbortedSite) {
  const auto branch = world_->Work(*resource_, SiteKey());
  ASSERT_TRUE(branch->BecomeSite({{1, "not a name", {}}}));
  const VoteResult vote = branch->AwaitPrepare();
  ASSERT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("roster"));
  const std::optional<SiteRecord> found = Found();
  const SiteAnswer kept = found ? found->at : SiteAnswer{};
  const SiteAnswer elected = quorum::After(kept, {PeerVerb::kElect, {2, 3}, {}});
  EXPECT_EQ(elected.state, kAborted);
  EXPECT_THAT(*resource_->ScanPrepared(), IsEmpty());
}

TEST_P(SiteVote, ThePeersRecordMovesWhileTheBranchIsPreparedHereAndInAnotherProcess) {
  const auto branch = world_->Work(*resource_, SiteKey());
  const VoteResult vote = PrepareSite(*branch);
  ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  SiteRecord before = *Found();
  const auto other = world_->Open();
  SiteLedger* ledgers[] = {ledger_, other->site_ledger()};
  int turn = 0;
  for (const PeerMessage& message :
       {PeerMessage{PeerVerb::kElect, {2, 1}, {}}, PeerMessage{PeerVerb::kPreCommit, {2, 1}, {}},
        PeerMessage{PeerVerb::kElect, {3, 2}, {}}, PeerMessage{PeerVerb::kPreAbort, {3, 2}, {}},
        PeerMessage{PeerVerb::kAbort, {3, 2}, {1, 2}}}) {
    SiteRecord after = before;
    after.at = quorum::After(before.at, message);
    ASSERT_NE(after, before) << ToString(message.verb);
    SiteLedger& ledger = *ledgers[turn++ % 2];
    const auto put = ledger.Put(SiteKey(), before, after, Durability::kForce);
    ASSERT_TRUE(put) << Describe(put.error());
    EXPECT_TRUE(*put);
    EXPECT_EQ(*ledger.Find(SiteKey()), after);
    before = after;
  }
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
  EXPECT_EQ(Found(), before);
}

TEST_P(SiteVote, M10_ABranchWhoseRecordIsFinalIsFoundAndFinishedByItsKeyAfterACrash) {
  for (const Decision decision : {Decision::kCommit, Decision::kAbort}) {
    const bool commit = decision == Decision::kCommit;
    const BranchKey key = SiteKey(commit ? 1 : 2);
    auto branch = world_->Work(*resource_, key);
    const VoteResult vote = PrepareSite(*branch);
    ASSERT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    branch.reset();
    SiteRecord ended = *Found(key);
    const SiteRecord before = ended;
    ended.at.state = commit ? kCommitted : kAborted;
    ended.at.decided = {kFirstBallot, {0, 1}};
    ASSERT_TRUE(Put(before, ended, key));
    Crash();
    const auto next = resource_;
    EXPECT_THAT(*next->ScanPrepared(), ::testing::ElementsAre(key.DatabaseName()));
    const auto found = next->site_ledger()->Find(key);
    ASSERT_TRUE(found) << Describe(found.error());
    EXPECT_EQ(*found, ended);
    EXPECT_EQ(next->Finish(key, decision, (*found)->evidence).end,
              commit ? BranchEnd::kCommitted : BranchEnd::kAborted);
    EXPECT_THAT(*next->ScanPrepared(), IsEmpty());
  }
  EXPECT_EQ(world_->Balance(), "90");
}

TEST_P(SiteVote, APreparedSiteWhoseRecordSomebodyRemovedIsNotTakenForOneThatNeverVoted) {
  const auto branch = world_->Work(*resource_, SiteKey());
  ASSERT_EQ(PrepareSite(*branch).vote, Vote::kCommit);
  world_->Query("DELETE FROM settle_three_phase");
  const auto found = ledger_->Find(SiteKey());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(found.error().message, HasSubstr("prepared"));
  EXPECT_EQ(branch->AwaitFinish(Decision::kAbort).end, BranchEnd::kAborted);
}

TEST_P(SiteVote, ADeadBranchCannotBecomeASite) {
  const auto branch = world_->Work(*resource_, SiteKey());
  branch->Fence();
  const Status site = branch->BecomeSite(ThreeSites());
  ASSERT_FALSE(site);
  EXPECT_EQ(site.error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace settle::testing
