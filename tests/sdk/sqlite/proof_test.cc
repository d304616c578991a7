// A branch that the file does not know: proof, or a hazard, never a guess.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "bank_file.h"

namespace settle::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

Evidence PrepareAndDrop(const BankFile& bank, std::uint64_t sequence) {
  const auto resource = bank.Resource();
  const VoteResult vote = OpenAndRun(*resource, Key(sequence), {kTake10})->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
  return vote.evidence;
}

TEST(SqliteProof, P06_ARowRemovedByHandIsAHazardAndNotACommit) {
  const BankFile bank;
  const Evidence evidence = PrepareAndDrop(bank, 1);
  ASSERT_EQ(bank.Run("DELETE FROM settle_prepared"), "");
  const FinishResult result = bank.Resource()->Finish(Key(1), Decision::kCommit, evidence);
  EXPECT_EQ(result.end, BranchEnd::kHazard);
  EXPECT_THAT(result.detail, HasSubstr("removed by hand"));
  EXPECT_EQ(bank.Balances(), "100 100");
}

TEST(SqliteProof, P06_NoHandReachesTheRowOfALiveBranch) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(PlainConnection(bank.path()).Run("DELETE FROM settle_prepared"), "database is locked");
}

TEST(SqliteProof, ACommitThatTheFileNotedAsAbortedSaysSo) {
  const BankFile bank;
  const Evidence evidence = PrepareAndDrop(bank, 1);
  ASSERT_EQ(bank.Resource()->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kAborted);
}

TEST(SqliteProof, P09_EvidenceOfAnotherFileIsNoVerdict) {
  const BankFile bank;
  const Evidence elsewhere = PrepareAndDrop(BankFile(), 1);
  const FinishResult result = bank.Resource()->Finish(Key(1), Decision::kCommit, elsewhere);
  EXPECT_EQ(result.end, BranchEnd::kRetry);
  EXPECT_THAT(result.detail, HasSubstr("another database file"));
  const FinishResult proof = bank.Resource()->Prove(Key(1), elsewhere);
  EXPECT_EQ(proof.end, BranchEnd::kRetry);
  EXPECT_THAT(proof.detail, HasSubstr("another database file"));
}

TEST(SqliteProof, AFileRestoredFromAnOlderCopyIsRecognised) {
  const BankFile bank;
  const TemporaryDirectory directory;
  ASSERT_TRUE(bank.Resource()->Identify());
  PlainConnection(bank.path()).Query("PRAGMA wal_checkpoint(TRUNCATE)");
  fs::copy_file(bank.path(), directory / "backup.db");
  PrepareAndDrop(bank, 1);
  ASSERT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kCommitted);
  const Evidence evidence = PrepareAndDrop(bank, 2);
  // In place, as cp does it: the inode stays the same.
  fs::copy_file(directory / "backup.db", bank.path(), fs::copy_options::overwrite_existing);
  fs::remove(bank.path() + "-wal");
  fs::remove(bank.path() + "-shm");
  for (const FinishResult& result : {bank.Resource()->Finish(Key(2), Decision::kCommit, evidence),
                                     bank.Resource()->Prove(Key(2), evidence)}) {
    EXPECT_EQ(result.end, BranchEnd::kHazard);
    EXPECT_THAT(result.detail, HasSubstr("restored from an older copy"));
  }
}

TEST(SqliteProof, WhatHasEndedIsSaidWhileAnotherBranchKeepsTheFile) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const Evidence evidence = PrepareAndDrop(bank, 1);
  ASSERT_EQ(resource->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kCommitted);
  const auto branch = OpenAndRun(*resource, Key(2), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  for (const auto& asked : {resource, bank.Resource(0ms)}) {
    EXPECT_EQ(asked->Finish(Key(1), Decision::kCommit, evidence).end, BranchEnd::kCommitted);
    EXPECT_EQ(asked->Prove(Key(1), evidence).end, BranchEnd::kCommitted);
  }
}

TEST(SqliteProof, OnePhaseWithoutItsMarkIsProvedAbortedAndWrittenDown) {
  const BankFile bank;
  const auto resource = bank.Resource();
  auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const Evidence evidence = *branch->TakeEvidence();
  branch.reset();
  EXPECT_EQ(resource->Prove(Key(1), evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Notes(), "aborted");
  EXPECT_EQ(resource->Prove(Key(1), evidence).end, BranchEnd::kAborted);
  EXPECT_FALSE(resource->Open(Key(1))) << "it was said to be aborted";
}

TEST(SqliteProof, OnePhaseIsInProgressWhileItsTransactionIsOpen) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto elsewhere = bank.Resource(50ms);
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const Evidence evidence = *branch->TakeEvidence();
  EXPECT_EQ(elsewhere->Prove(Key(1), evidence).end, BranchEnd::kRetry);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  EXPECT_EQ(elsewhere->Prove(Key(1), evidence).end, BranchEnd::kCommitted);
}

TEST(SqliteProof, OldNotesArePrunedAndTheirAbsenceIsThenNoProof) {
  const BankFile bank;
  const auto resource = bank.Resource();
  auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const Evidence evidence = *branch->TakeEvidence();
  ASSERT_EQ(branch->CommitOnePhase().end, BranchEnd::kCommitted);
  branch.reset();
  ASSERT_EQ(bank.Run("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < "
                     "100000)"
                     " INSERT INTO settle_outcome SELECT i, 'filler:' || i, 'committed' FROM n"),
            "");
  EXPECT_EQ(resource->Prove(Key(1), evidence).end, BranchEnd::kCommitted)
      << "the 100,000 newest are kept";
  EXPECT_EQ(OpenAndRun(*resource, Key(2), {kTake10})->AwaitPrepare().vote, Vote::kCommit);
  ASSERT_EQ(resource->Finish(Key(2), Decision::kCommit, {}).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Query("SELECT min(position), max(position), count(*) FROM settle_outcome"),
            "2|100001|100000");
  const FinishResult proof = resource->Prove(Key(1), evidence);
  EXPECT_EQ(proof.end, BranchEnd::kHazard);
  EXPECT_THAT(proof.detail, HasSubstr("pruned"));
}

TEST(SqliteProof, CommitWithoutAnyEvidenceIsAHazard) {
  const BankFile bank;
  EXPECT_EQ(bank.Resource()->Finish(Key(5), Decision::kCommit, {}).end, BranchEnd::kHazard);
}

TEST(SqliteProof, ADamagedRowStaysPreparedAndCanBeAborted) {
  const BankFile bank;
  const Evidence evidence = PrepareAndDrop(bank, 1);
  ASSERT_EQ(bank.Run("UPDATE settle_prepared SET changeset = x'54000102'"), "");
  const FinishResult commit = bank.Resource()->Finish(Key(1), Decision::kCommit, evidence);
  EXPECT_EQ(commit.end, BranchEnd::kRetry);
  EXPECT_THAT(commit.detail, HasSubstr("stays prepared"));
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kAbort, evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(bank.Balances(), "100 100");
}

}  // namespace
}  // namespace settle::testing
