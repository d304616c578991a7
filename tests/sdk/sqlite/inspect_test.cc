// What an operator is told of a branch in a SQLite file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "bank_file.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const BranchKey kKey{Gtid::Make("k3m9qxw4c7ab", 1, 17, 7), 1};
const BranchKey kNext{Gtid::Make("k3m9qxw4c7ab", 1, 18, 7), 1};

// Prepared by a process that is gone, which is what one is asked about.
struct PreparedInFile {
  PreparedInFile() {
    auto resource = file.Resource();
    auto branch = OpenAndRun(*resource, kKey, {"UPDATE account SET balance = 90 WHERE id = 1"});
    const VoteResult vote = branch->AwaitPrepare();
    EXPECT_EQ(vote.vote, Vote::kCommit) << vote.reason;
    evidence = vote.evidence;
  }
  Result<LiveBranch> Inspect() { return resource->Inspect(kKey, evidence, milliseconds(2'000)); }

  BankFile file;
  Evidence evidence;
  std::shared_ptr<SqliteResource> resource = file.Resource();
};

TEST(SqliteInspect, APreparedBranchSaysSinceWhenAndWhatItHolds) {
  PreparedInFile prepared;
  const Result<LiveBranch> live = prepared.Inspect();
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_TRUE(live->prepared);
  EXPECT_EQ(std::to_string(live->prepared_at / 1'000'000),
            prepared.file.Query("SELECT strftime('%s', prepared_at) FROM settle_prepared"));
  EXPECT_EQ(live->proof, Proof::kInProgress);
  EXPECT_EQ(live->locks, 1U) << "of the file";
  EXPECT_THAT(live->relations, ElementsAre("account"));
  EXPECT_EQ(live->waiting, 0U);
  EXPECT_THAT(live->unseen, HasSubstr("other processes"));
}

TEST(SqliteInspect, ABranchOfThisProcessThatWaitsForTheFileIsCountedWithItsTime) {
  PreparedInFile prepared;
  std::thread wants([&] {
    auto branch = prepared.resource->Open(kNext);
    EXPECT_TRUE(branch) << Describe(branch.error());
  });
  Result<LiveBranch> live = prepared.Inspect();
  EXPECT_TRUE(WaitUntil([&] {
    live = prepared.Inspect();
    return live && live->waiting == 1 && live->waiters.at(0).waits >= milliseconds(100);
  }));
  EXPECT_EQ(prepared.resource->Finish(kKey, Decision::kCommit, prepared.evidence).end,
            BranchEnd::kCommitted);
  wants.join();
  live = prepared.Inspect();
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_EQ(live->waiting, 0U);
}

TEST(SqliteInspect, HowItEndedIsProvedByTheFilesNote) {
  for (const Decision decision : {Decision::kCommit, Decision::kAbort}) {
    PreparedInFile prepared;
    prepared.resource->Finish(kKey, decision, prepared.evidence);
    const Result<LiveBranch> live = prepared.Inspect();
    ASSERT_TRUE(live) << Describe(live.error());
    EXPECT_FALSE(live->prepared);
    EXPECT_EQ(live->proof, decision == Decision::kCommit ? Proof::kCommitted : Proof::kAborted);
    EXPECT_THAT(live->proof_detail, HasSubstr("has a note"));
  }
}

TEST(SqliteInspect, P06_ARowThatWasRemovedByHandLeavesNoProof) {
  PreparedInFile prepared;
  ASSERT_EQ(prepared.file.Run("DELETE FROM settle_prepared"), "");
  const Result<LiveBranch> live = prepared.Inspect();
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_FALSE(live->prepared);
  EXPECT_EQ(live->proof, Proof::kNone);
  EXPECT_THAT(live->proof_detail, HasSubstr("neither a prepared row nor a note"));
}

TEST(SqliteInspect, AWriterDoesNotKeepItWaiting) {
  PreparedInFile prepared;
  PlainConnection writer(prepared.file.path());
  ASSERT_EQ(writer.Run("BEGIN IMMEDIATE"), "");
  EXPECT_TRUE(prepared.Inspect());
}

TEST(SqliteInspect, AnotherFileSaysNothingOfTheBranch) {
  PreparedInFile prepared;
  prepared.resource->Finish(kKey, Decision::kCommit, prepared.evidence);
  BankFile other;
  const Result<LiveBranch> live =
      other.Resource()->Inspect(kKey, prepared.evidence, milliseconds(2'000));
  ASSERT_FALSE(live);
  EXPECT_THAT(live.error().message, HasSubstr("another database file"));
}

}  // namespace
}  // namespace settle::testing
