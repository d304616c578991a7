// What the engine does when the log refuses a record, or does not know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

BranchVote CommitVote(BranchNumber number) { return {number, {Vote::kCommit, {}, "", false}}; }

FakeLog::Verdict DiskFull(const Record&) {
  return {AppendResult::kRefused, "database or disk is full"};
}

FakeLog::Verdict RefuseEnds(const Record& record) {
  if (std::holds_alternative<EndRecord>(record)) return DiskFull(record);
  return {};
}

Answer<CommitAnswer> CommitLocally(EngineUnderTest& under_test, const Gtid& gtid) {
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {CommitVote(1)}, Wait::kDecision, 0ms}, committed.done());
  under_test.Run();
  return committed;
}

TEST(LogFaults, L01_ARefusedDecisionIsAnAbortWithAClearReasonAndCommitsWorkAgainWhenSpaceReturns) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid refused = under_test.Begin();
  bank.Enlist(refused, "bank-a");
  under_test.log().judge = DiskFull;
  const auto aborted = CommitLocally(under_test, refused);
  ASSERT_TRUE(aborted.ok());
  EXPECT_EQ(aborted->ending.cause, AbortCause::kLogRefused);
  EXPECT_TRUE(aborted->ending.retryable);
  EXPECT_THAT(aborted->ending.reason, testing::HasSubstr("database or disk is full"));
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
  bank.Finish(refused, 1, BranchEnd::kAborted);
  under_test.log().judge = nullptr;
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  EXPECT_TRUE(CommitLocally(under_test, gtid)->ending.committed());
}

TEST(LogFaults, L01_ARefusedEndOfACommitIsNeverForgotten) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  ASSERT_TRUE(CommitLocally(under_test, gtid)->ending.committed());
  under_test.log().judge = RefuseEnds;
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  under_test.Advance(60s);
  EXPECT_TRUE(under_test.AskOutcome(gtid).committed())
      << "who asks the log next finds no end and would presume an abort";
  EXPECT_THAT(under_test.log().Durable<EndRecord>(), IsEmpty());
  under_test.log().judge = nullptr;
  under_test.Advance(60s);
  EXPECT_EQ(under_test.log().Durable<EndRecord>().size(), 1U) << "it is written when space returns";
  Answer<Ending> outcome;
  under_test.engine().AskOutcome(gtid, outcome.done());
  under_test.Run();
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotFound) << "the log answers from now on";
}

TEST(LogFaults, L01_EndsThatCannotBeWrittenCountAsOpenSoThatMemoryIsBounded) {
  EngineUnderTest under_test({.shards = 1, .open_transactions_max = 3});
  Participant bank(under_test, {"bank-a"});
  under_test.log().judge = RefuseEnds;
  for (int i = 0; i < 3; ++i) {
    const Gtid gtid = under_test.Begin();
    bank.Enlist(gtid, "bank-a");
    ASSERT_TRUE(CommitLocally(under_test, gtid)->ending.committed());
    bank.Finish(gtid, 1, BranchEnd::kCommitted);
  }
  Answer<Begun> refused;
  under_test.engine().Begin({}, refused.done());
  under_test.Run();
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  under_test.log().judge = nullptr;
  under_test.Advance(60s);
  EXPECT_FALSE(under_test.Begin().empty());
}

TEST(LogFaults, L01_ARefusedEndOfAnAbortIsLetGo) {
  EngineUnderTest under_test({.shards = 1, .open_transactions_max = 3});
  under_test.log().judge = RefuseEnds;
  for (int i = 0; i < 10; ++i) {
    const Gtid gtid = under_test.Begin();
    ASSERT_FALSE(gtid.empty()) << "an abort is presumed anyway and must not fill the memory";
    Answer<Ending> aborted;
    under_test.engine().Abort({gtid, AbortCause::kRequested, "r", {}}, aborted.done());
    under_test.Run();
    ASSERT_TRUE(aborted.ok());
  }
}

TEST(LogFaults, L01_ARefusedHeuristicIsWrittenWhenSpaceReturnsAndOnlyThenTold) {
  EngineUnderTest under_test;
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  a.Enlist(gtid, "bank-a");
  b.Enlist(gtid, "bank-b");
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 30s}, committed.done());
  under_test.Run();
  a.Vote(gtid, 1);
  b.Vote(gtid, 2);
  under_test.log().judge = DiskFull;
  a.Finish(gtid, 1, BranchEnd::kAborted);
  b.Finish(gtid, 2, BranchEnd::kCommitted);
  under_test.Advance(5s);
  EXPECT_FALSE(committed.came());
  under_test.log().judge = nullptr;
  under_test.Advance(10s);
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->ending.outcome, Outcome::kMixed);
  EXPECT_EQ(under_test.log().Durable<HeuristicRecord>().size(), 1U);
}

TEST(LogFaults, L02_WhatTheLogDoesNotKnowEndsTheProcessBeforeAnybodyIsTold) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test.log().held = true;
  const auto committed = CommitLocally(under_test, gtid);
  under_test.log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kUnknown, "fdatasync: Input/output error"};
  };
  EXPECT_THROW(under_test.log().CompleteOne(), ProcessEnded);
  under_test.RunShards();
  EXPECT_FALSE(committed.came());
  EXPECT_EQ(under_test.Show(gtid).state, "deciding");
}

TEST(LogFaults, L06_EveryTransactionOfARefusedGroupIsAborted) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  under_test.log().held = true;
  std::vector<Answer<CommitAnswer>> answers;
  for (int i = 0; i < 32; ++i) {
    const Gtid gtid = under_test.Begin();
    bank.Enlist(gtid, "bank-a");
    answers.push_back(CommitLocally(under_test, gtid));
  }
  ASSERT_EQ(under_test.log().waiting(), 32U);
  under_test.log().judge = DiskFull;
  under_test.log().held = false;
  under_test.Run();
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(answer->ending.aborted());
  }
}

}  // namespace
}  // namespace settle::coordinator
