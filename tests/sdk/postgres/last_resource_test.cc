// The logging last resource: a branch that is prepared in the name of another one, and one that
// decides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include "sdk/postgres/world.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const LastResource kLast{9, "bank-z", {"postgresql:7301234567890123456:16384", 1, "701"}};

class InItsName : public ::testing::Test {
 protected:
  // Prepared in the name of kLast; how it voted.
  VoteResult Prepare() {
    branch_ = world_.Working();
    EXPECT_TRUE(branch_->PrepareInNameOf(kLast));
    VoteResult vote = branch_->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    return vote;
  }
  std::string Name() const { return *NameInNameOf(world_.key, kLast); }

  World world_;
  std::shared_ptr<PostgresBranch> branch_;
};

TEST_F(InItsName, TheNameIsInTheDatabaseAndIsFoundByAScan) {
  Prepare();
  EXPECT_EQ(world_.Query("SELECT gid FROM pg_prepared_xacts"), Name());
  EXPECT_THAT(*world_.bank->ScanPrepared(), ElementsAre(Name()));
}

TEST_F(InItsName, ItIsFinishedByItsHandle) {
  Prepare();
  EXPECT_EQ(branch_->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(world_.Balance(), 90);
}

TEST_F(InItsName, P03_ItIsFinishedByItsKeyAloneAndOnce) {
  const VoteResult vote = Prepare();
  branch_.reset();
  EXPECT_EQ(world_.bank->Finish(world_.key, Decision::kCommit, vote.evidence).end,
            BranchEnd::kCommitted);
  EXPECT_EQ(world_.bank->Finish(world_.key, Decision::kCommit, vote.evidence).end,
            BranchEnd::kCommitted);
  EXPECT_EQ(world_.Balance(), 90);
}

TEST_F(InItsName, ItIsRolledBackByItsKeyAloneAlsoWithoutEvidence) {
  Prepare();
  branch_.reset();
  EXPECT_EQ(world_.bank->Finish(world_.key, Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(world_.PreparedCount(), 0);
  EXPECT_EQ(world_.Balance(), 100);
}

TEST_F(InItsName, AnotherBranchsNameThatBeginsAlikeIsLeftAlone) {
  Prepare();
  branch_.reset();
  // Branch 1 of the same transaction is no part of branch 10's name.
  BranchKey shorter = world_.key;
  ASSERT_EQ(shorter.number, 1U);
  shorter.number = 10;
  EXPECT_EQ(world_.bank->Finish(shorter, Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(world_.PreparedCount(), 1);
}

TEST_F(InItsName, AScanTellsTheEvidenceThatItVotedWith) {
  const VoteResult vote = Prepare();
  EXPECT_EQ(world_.bank->EvidenceOf(Name()), vote.evidence);
  ASSERT_EQ(world_.bank->Finish(world_.key, Decision::kAbort, vote.evidence).end,
            BranchEnd::kAborted);
  EXPECT_EQ(world_.bank->EvidenceOf(Name()), std::nullopt) << "it is not prepared any more";
}

TEST_F(InItsName, ItIsInspectedByItsKey) {
  const VoteResult vote = Prepare();
  const Result<LiveBranch> live =
      world_.bank->Inspect(world_.key, vote.evidence, std::chrono::seconds(5));
  ASSERT_TRUE(live);
  EXPECT_TRUE(live->prepared);
  EXPECT_EQ(live->proof, Proof::kInProgress);
}

TEST_F(InItsName, ItCanBeTakenBack) {
  branch_ = world_.Working();
  ASSERT_TRUE(branch_->PrepareInNameOf(kLast));
  ASSERT_TRUE(branch_->PrepareInNameOf(std::nullopt));
  EXPECT_EQ(branch_->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_THAT(*world_.bank->ScanPrepared(), ElementsAre(world_.key.DatabaseName()));
}

TEST_F(InItsName, WhatDoesNotFitANameIsRefusedAndChangesNothing) {
  branch_ = world_.Working();
  LastResource last = kLast;
  last.evidence.database += std::string(200, 'x');
  const Status named = branch_->PrepareInNameOf(last);
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, ErrorCode::kRefused);
  EXPECT_EQ(branch_->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_THAT(*world_.bank->ScanPrepared(), ElementsAre(world_.key.DatabaseName()));
}

// What decides for others answers for itself.
TEST(LastResource, WhatItDidIsProvedToAnybody) {
  World world;
  auto branch = world.Working();
  EXPECT_TRUE(branch->CanBeLast());
  const Result<Evidence> evidence = branch->TakeEvidence();
  ASSERT_TRUE(evidence);
  EXPECT_EQ(world.Resource()->Prove(world.key, *evidence).end, BranchEnd::kRetry)
      << "in progress decides nothing";
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Resource()->Prove(world.key, *evidence).end, BranchEnd::kCommitted);
}

// Opened, and told before its work that it is likely to decide.
std::shared_ptr<PostgresBranch> LikelyLast(World& world) {
  auto branch = *world.bank->Open(world.key);
  branch->MayBecomeLast();
  EXPECT_TRUE(branch->Execute("SELECT 1"));
  EXPECT_TRUE(branch->Execute("UPDATE account SET balance = balance - 10 WHERE id = 1"));
  return branch;
}

TEST(LastResource, ItsEvidenceCameWithItsFirstWrite) {
  World world;
  auto branch = LikelyLast(world);
  const std::string xid = *branch->Execute("SELECT pg_current_xact_id()")->rows[0][0];
  world.TerminateOpen();
  const Result<Evidence> evidence = branch->TakeEvidence();
  ASSERT_TRUE(evidence) << "the server, which is not there to be asked, was asked";
  EXPECT_EQ(evidence->local_transaction, xid);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kAborted);
  EXPECT_EQ(world.bank->Prove(world.key, *evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(world.Balance(), 100);
}

TEST(LastResource, EarlyEvidenceIsOfWhatIsCommitted) {
  World world;
  auto branch = LikelyLast(world);
  EXPECT_TRUE(branch->Execute("SAVEPOINT here"));
  EXPECT_TRUE(branch->Execute("UPDATE account SET balance = 0"));
  EXPECT_TRUE(branch->Execute("ROLLBACK TO here"));
  const Result<Evidence> evidence = branch->TakeEvidence();
  ASSERT_TRUE(evidence);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(world.bank->Prove(world.key, *evidence).end, BranchEnd::kCommitted);
  EXPECT_EQ(world.Balance(), 90);
}

TEST(LastResource, EarlyEvidenceIsNotTakenForAnotherTransactions) {
  World world;
  auto chained = LikelyLast(world);
  EXPECT_FALSE(chained->Execute("ROLLBACK AND CHAIN"));
  EXPECT_FALSE(chained->TakeEvidence());
  world.key = world.NextKey();
  auto lent = LikelyLast(world);
  PQclear(PQexec(lent->connection(), "ROLLBACK AND CHAIN"));
  EXPECT_FALSE(lent->TakeEvidence());
  EXPECT_EQ(world.Balance(), 100);
}

TEST(LastResource, AStatementThatFailedAfterEarlyEvidenceIsTold) {
  World world;
  auto branch = LikelyLast(world);
  EXPECT_FALSE(branch->Execute("SELECT 1/0"));
  EXPECT_FALSE(branch->TakeEvidence());
  world.key = world.NextKey();
  auto first = *world.bank->Open(world.key);
  first->MayBecomeLast();
  EXPECT_FALSE(first->Execute("UPDATE account SET balance = 1/0"));
  EXPECT_FALSE(first->TakeEvidence());
}

TEST(LastResource, AnotherDatabaseOrTimelineIsNoProof) {
  World world;
  auto branch = world.Working();
  Evidence evidence = *branch->TakeEvidence();
  ASSERT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  Evidence later = evidence;
  ++later.timeline;
  EXPECT_EQ(world.bank->Prove(world.key, later).end, BranchEnd::kHazard);
  evidence.database += "1";
  const FinishResult other = world.bank->Prove(world.key, evidence);
  EXPECT_EQ(other.end, BranchEnd::kRetry);
  EXPECT_THAT(other.detail, HasSubstr("another database"));
}

}  // namespace
}  // namespace settle::testing
