// The rules of all branches of a process: lives of the coordinator, sessions, logs, memory.
#include "participant/branch_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace settle::sdk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kLog = "abcdefghijkl";
constexpr const char* kOtherLog = "zzzzzzzzzzzz";
const VoteResult kYes{Vote::kCommit, {"fake:1", 1, "1"}, {}, false};

BranchKey Key(Epoch epoch, std::uint64_t sequence, BranchNumber number = 1,
              const char* log = kLog) {
  return {Gtid::Make(log, epoch, sequence, 0x1234abcd), number};
}

Command Commanded(CommandKind kind, const BranchKey& key, Epoch epoch) {
  return {kind, key, "bank", 1, epoch, {}};
}

// Attached under "s1" to kLog in epoch 3.
BranchTable Attached() {
  BranchTable table;
  EXPECT_TRUE(table.Meet(kLog, 3));
  table.Attach("s1", kLog);
  return table;
}

void PrepareByApplication(BranchTable& table, const BranchKey& key) {
  table.Handle(key, event::ApplicationPrepares{});
  table.Handle(key, event::Voted{kYes});
}

TEST(BranchTable, C15_ALowerEpochOfTheSameLogIsRefusedAndSaysWhy) {
  BranchTable table = Attached();
  const Result<Steps> met = table.Meet(kLog, 2);
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, ErrorCode::kStaleEpoch);
  EXPECT_NE(met.error().advice.find("older copy"), std::string::npos);
  EXPECT_EQ(table.HighestEpoch(kLog), 3u);
}

TEST(BranchTable, P12_AnAbortOfBranchZeroIsOfAllThatWereNumberedHere) {
  BranchTable table = Attached();
  ASSERT_TRUE(table.Adopt(Key(3, 1, 1), "bank", "s1"));
  ASSERT_TRUE(table.Adopt(Key(3, 1, 2), "bank", "s1"));
  ASSERT_TRUE(table.Adopt(Key(3, 2, 1), "bank", "s1"));
  PrepareByApplication(table, Key(3, 1, 2));
  const Result<Steps> steps = table.Handle(Commanded(CommandKind::kAbort, Key(3, 1, 0), 3));
  ASSERT_TRUE(steps);
  EXPECT_THAT(*steps, ElementsAre(Step{Key(3, 1, 1), "bank", effect::Fence{}},
                                  Step{Key(3, 1, 2), "bank",
                                       effect::FinishByHandle{Decision::kAbort, false, {}}}));
  EXPECT_EQ(table.StateOf(Key(3, 2, 1)), BranchState::kWorking) << "another transaction's";
  EXPECT_FALSE(table.Adopt(Key(3, 1, 3), "bank", "s1")) << "nobody would ever end it";
  EXPECT_TRUE(table.Adopt(Key(3, 3, 1), "bank", "s1"));
}

TEST(BranchTable, ATraceComesWithTheBranchOrWithACommandAndGoesWithTheBranch) {
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  BranchTable table(1);
  EXPECT_TRUE(table.Meet(kLog, 3));
  table.Attach("s1", kLog);
  ASSERT_TRUE(table.Adopt(Key(3, 1), "bank", "s1", trace));
  EXPECT_EQ(table.TraceParentOf(Key(3, 1)), trace);
  // Prepared in an earlier life of this process.
  Command commit = Commanded(CommandKind::kCommit, Key(3, 2), 3);
  EXPECT_EQ(table.TraceParentOf(Key(3, 2)), "");
  commit.trace_parent = trace;
  ASSERT_TRUE(table.Handle(commit));
  EXPECT_EQ(table.TraceParentOf(Key(3, 2)), trace);
  table.Handle(Key(3, 2), event::Finished{{BranchEnd::kCommitted, ""}});
  ASSERT_TRUE(table.Handle(Commanded(CommandKind::kCommit, Key(3, 3), 3)));
  EXPECT_EQ(table.TraceParentOf(Key(3, 3)), "");
  table.Handle(Key(3, 3), event::Finished{{BranchEnd::kCommitted, ""}});
  EXPECT_EQ(table.TraceParentOf(Key(3, 2)), "") << "one ended branch is remembered, the last";
}

TEST(BranchTable, ACommandOfAnEarlierEpochIsRefusedWithoutEffect) {
  BranchTable table = Attached();
  ASSERT_TRUE(table.Adopt(Key(3, 1), "bank", "s1"));
  const Result<Steps> steps = table.Handle(Commanded(CommandKind::kAbort, Key(3, 1), 2));
  ASSERT_FALSE(steps);
  EXPECT_EQ(steps.error().code, ErrorCode::kStaleEpoch);
  EXPECT_EQ(table.StateOf(Key(3, 1)), BranchState::kWorking);
}

TEST(BranchTable, ACommandOlderThanItsTransactionIsRefused) {
  BranchTable table;
  ASSERT_TRUE(table.Meet(kLog, 3));
  table.Attach("s1", kLog);
  EXPECT_FALSE(table.Handle(Commanded(CommandKind::kAbort, Key(4, 1), 3)));
}

TEST(BranchTable, ANewEpochFencesOlderBranchesThatAreNotPreparedAndOnlyThose) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  table.Adopt(Key(3, 2), "bank", "s1");
  PrepareByApplication(table, Key(3, 2));
  const Result<Steps> steps = table.Meet(kLog, 4);
  ASSERT_TRUE(steps);
  EXPECT_THAT(*steps, ElementsAre(Step{Key(3, 1), "bank", effect::Fence{}}));
  EXPECT_EQ(table.StateOf(Key(3, 2)), BranchState::kPrepared);
}

TEST(BranchTable, ACommandOfANewEpochAnnouncesThatEpoch) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  const Result<Steps> steps = table.Handle(Commanded(CommandKind::kAbort, Key(3, 9), 4));
  ASSERT_TRUE(steps);
  EXPECT_THAT(*steps, ElementsAre(Step{Key(3, 1), "bank", effect::Fence{}},
                                  Step{Key(3, 9), "bank",
                                       effect::FinishByKey{Decision::kAbort, {}, true}}));
  EXPECT_EQ(table.HighestEpoch(kLog), 4u);
}

TEST(BranchTable, C14_ACoordinatorWithAnotherLogCannotCommandTheBranchesOfThisOne) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  PrepareByApplication(table, Key(3, 1));
  ASSERT_TRUE(table.Meet(kOtherLog, 1));
  table.Attach("s2", kOtherLog);
  for (const CommandKind kind : {CommandKind::kAbort, CommandKind::kCommit}) {
    const Result<Steps> steps = table.Handle(Commanded(kind, Key(3, 1), 9));
    ASSERT_FALSE(steps);
    EXPECT_EQ(steps.error().code, ErrorCode::kWrongLog);
  }
  EXPECT_EQ(table.StateOf(Key(3, 1)), BranchState::kPrepared);
}

TEST(BranchTable, ANewSessionFencesTheUnpreparedBranchesOfTheLostOne) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  table.Adopt(Key(3, 2), "bank", "s1");
  PrepareByApplication(table, Key(3, 2));
  EXPECT_THAT(table.Attach("s1", kLog), IsEmpty());
  EXPECT_THAT(table.Attach("s2", kLog), ElementsAre(Step{Key(3, 1), "bank", effect::Fence{}}));
}

TEST(BranchTable, ABranchEnlistedUnderALostSessionOrAnOldEpochIsDeadBeforeItIsOpened) {
  BranchTable table = Attached();
  table.Attach("s2", kLog);
  EXPECT_FALSE(table.Adopt(Key(3, 1), "bank", "s1"));
  ASSERT_TRUE(table.Meet(kLog, 4));
  EXPECT_FALSE(table.Adopt(Key(3, 2), "bank", "s2"));
  EXPECT_TRUE(table.Adopt(Key(4, 3), "bank", "s2"));
}

TEST(BranchTable, P02_AnAbortThatOvertakesTheEnlistReplyMakesTheBranchDeadBeforeItIsOpened) {
  BranchTable table = Attached();
  ASSERT_TRUE(table.Handle(Commanded(CommandKind::kAbort, Key(3, 1), 3)));
  EXPECT_FALSE(table.Adopt(Key(3, 1), "bank", "s1"));
  table.Handle(Key(3, 1), event::Finished{{BranchEnd::kAborted, {}}});
  EXPECT_FALSE(table.Adopt(Key(3, 1), "bank", "s1"));
}

// Else it would be opened after its no-vote, and nobody would ever end it (found by simulation).
TEST(BranchTable, P02_APrepareThatOvertakesTheEnlistReplyMakesTheBranchDeadBeforeItIsOpened) {
  BranchTable table = Attached();
  ASSERT_TRUE(table.Handle(Commanded(CommandKind::kPrepare, Key(3, 1), 3)));
  EXPECT_FALSE(table.Adopt(Key(3, 1), "bank", "s1"));
}

TEST(BranchTable, TheMemoryOfEndedBranchesIsBounded) {
  BranchTable table(2);
  ASSERT_TRUE(table.Meet(kLog, 3));
  table.Attach("s1", kLog);
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_TRUE(table.Handle(Commanded(CommandKind::kAbort, Key(3, sequence), 3)));
    table.Handle(Key(3, sequence), event::Finished{{BranchEnd::kAborted, {}}});
  }
  EXPECT_EQ(table.StateOf(Key(3, 1)), BranchState::kUnknown);
  EXPECT_EQ(table.StateOf(Key(3, 2)), BranchState::kEnded);
  EXPECT_EQ(table.StateOf(Key(3, 3)), BranchState::kEnded);
}

TEST(BranchTable, TheMemoryOfAbortedTransactionsIsBounded) {
  BranchTable table(2);
  ASSERT_TRUE(table.Meet(kLog, 3));
  table.Attach("s1", kLog);
  for (const std::uint64_t sequence : {1, 1, 2, 3})
    ASSERT_TRUE(table.Handle(Commanded(CommandKind::kAbort, Key(3, sequence, 0), 3)));
  EXPECT_TRUE(table.Adopt(Key(3, 1, 1), "bank", "s1"));
  EXPECT_FALSE(table.Adopt(Key(3, 2, 1), "bank", "s1"));
  EXPECT_FALSE(table.Adopt(Key(3, 3, 1), "bank", "s1"));
}

TEST(BranchTable, AScanReportsWhatNobodyHereWorksOn) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  EXPECT_FALSE(table.Found(Key(3, 1), table.ended_count()));
  PrepareByApplication(table, Key(3, 1));
  EXPECT_TRUE(table.Found(Key(3, 1), table.ended_count()));
  EXPECT_TRUE(table.Found(Key(2, 77), table.ended_count()));
}

TEST(BranchTable, AScanDoesNotReportWhatEndedWhileItRan) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  PrepareByApplication(table, Key(3, 1));
  const std::uint64_t before = table.ended_count();
  table.Handle(Key(3, 1), event::ApplicationFinishes{Decision::kCommit});
  table.Handle(Key(3, 1), event::Finished{{BranchEnd::kCommitted, {}}});
  EXPECT_FALSE(table.Found(Key(3, 1), before));
}

TEST(BranchTable, AScanThatContradictsTheMemoryOfAnEndMakesTheDatabaseAnswerCommands) {
  BranchTable table = Attached();
  table.Adopt(Key(3, 1), "bank", "s1");
  table.Handle(Key(3, 1), event::ApplicationPrepares{});
  table.Handle(Key(3, 1), event::Voted{{Vote::kNo, {}, "the resource threw", false}});
  ASSERT_EQ(table.StateOf(Key(3, 1)), BranchState::kEnded);
  EXPECT_TRUE(table.Found(Key(3, 1), table.ended_count()));
  const Result<Steps> steps = table.Handle(Commanded(CommandKind::kAbort, Key(3, 1), 3));
  ASSERT_TRUE(steps);
  EXPECT_THAT(*steps, ElementsAre(Step{Key(3, 1), "bank",
                                       effect::FinishByKey{Decision::kAbort, {}, true}}));
}

}  // namespace
}  // namespace settle::sdk
