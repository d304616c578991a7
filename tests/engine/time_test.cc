// Deadlines, vote time-outs, retries and waits, all by the monotonic clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

BranchVote CommitVote(BranchNumber number) { return {number, {Vote::kCommit, {}, "", false}}; }

struct TimeTest : testing::Test {
  // One branch of a participant that has heard the commit and does not answer.
  Gtid CommittingSilently(EngineUnderTest& under_test, Participant& bank) {
    const Gtid gtid = under_test.Begin();
    bank.Enlist(gtid, "bank-a");
    Answer<CommitAnswer> committed;
    under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, committed.done());
    under_test.Run();
    bank.Take();
    bank.Vote(gtid, 1);
    EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1"));
    return gtid;
  }
};

TEST_F(TimeTest, P12_ADeadlineAbortsWhatNobodyCommits) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin({5s, "", ""});
  bank.Enlist(gtid, "bank-a");
  under_test.Advance(4900ms);
  EXPECT_EQ(under_test.AskOutcome(gtid).outcome, Outcome::kUndecided);
  under_test.Advance(200ms);
  EXPECT_EQ(under_test.AskOutcome(gtid).cause, AbortCause::kDeadline);
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
}

TEST_F(TimeTest, ADeadlineIsTheSettingsUnlessTheCallNamesOneAndNeverAboveTheLimit) {
  EngineUnderTest under_test({.transaction_timeout = 10s, .transaction_timeout_max = 20s});
  const Gtid by_default = under_test.Begin();
  const Gtid limited = under_test.Begin({std::chrono::milliseconds::max(), "", ""});
  under_test.Advance(11s);
  EXPECT_TRUE(under_test.AskOutcome(by_default).outcome != Outcome::kUndecided);
  EXPECT_EQ(under_test.AskOutcome(limited).outcome, Outcome::kUndecided);
  under_test.Advance(10s);
  EXPECT_TRUE(under_test.AskOutcome(limited).outcome != Outcome::kUndecided);
}

TEST_F(TimeTest, C20_ADeadlineNoLongerCountsOnceCommitIsAskedFor) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin({5s, "", ""});
  bank.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {}, Wait::kDecision, 0ms}, committed.done());
  under_test.Advance(6s);
  EXPECT_EQ(under_test.AskOutcome(gtid).outcome, Outcome::kUndecided);
  bank.Vote(gtid, 1);
  ASSERT_TRUE(committed.ok());
  EXPECT_TRUE(committed->ending.committed());
}

TEST_F(TimeTest, C12_WhatIsAskedForPastTheDeadlineIsTooLateEvenIfItIsLookedAtFirst) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin({5s, "", ""});
  bank.Enlist(gtid, "bank-a");
  const Gtid one_phase = under_test.Begin({5s, "", ""});
  bank.Enlist(one_phase, "bank-a");
  const Gtid empty = under_test.Begin({5s, "", ""});
  under_test.clock().Advance(6s);  // frozen: the calls and the timers wait for the shard
  Answer<CommitAnswer> committed;
  Answer<CommitAnswer> committed_empty;
  Answer<OnePhaseAnswer> granted;
  Answer<BranchNumber> joined;
  under_test.engine().Commit({gtid, {CommitVote(1)}, Wait::kApplied, 0ms}, committed.done());
  under_test.engine().Commit({empty, {}, Wait::kApplied, 0ms}, committed_empty.done());
  under_test.engine().CommitOnePhase({one_phase, 1, {}}, granted.done());
  under_test.engine().Enlist({gtid, "bank-a", bank.session(), "k2"}, joined.done());
  under_test.Run();
  ASSERT_TRUE(committed.ok() && committed_empty.ok() && granted.ok());
  EXPECT_EQ(committed->ending.cause, AbortCause::kDeadline);
  EXPECT_EQ(committed_empty->ending.cause, AbortCause::kDeadline);
  EXPECT_FALSE(granted->granted);
  EXPECT_EQ(granted->ending.cause, AbortCause::kDeadline);
  EXPECT_EQ(joined.error().code, ErrorCode::kRefused);
  EXPECT_THAT(under_test.log().Durable<CommitRecord>(), IsEmpty());
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1", "abort 1"));
}

TEST_F(TimeTest, ARefusedCommitLeavesTheDeadlineInForce) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin({5s, "", ""});
  bank.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> invalid;
  under_test.engine().Commit({gtid, {CommitVote(9)}, Wait::kApplied, 0ms}, invalid.done());
  under_test.Advance(6s);
  ASSERT_FALSE(invalid.ok());
  EXPECT_EQ(under_test.AskOutcome(gtid).cause, AbortCause::kDeadline);
}

TEST_F(TimeTest, AVoteThatDoesNotComeInTimeAborts) {
  EngineUnderTest under_test({.vote_timeout = 3s});
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, committed.done());
  under_test.Advance(2900ms);
  EXPECT_FALSE(committed.came());
  under_test.Advance(200ms);
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->ending.cause, AbortCause::kVoteTimeout);
}

TEST_F(TimeTest, T01_AWallClockThatJumpsAbortsNothingAndRetriesNothing) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid active = under_test.Begin({60s, "", ""});
  const Gtid committing = CommittingSilently(under_test, bank);
  for (const WallTime wall :
       {WallTime{0}, WallTime{2'147'483'648'000'000}, WallTime{1'700'003'600'000'000}}) {
    under_test.clock().SetWall(wall);
    under_test.Run();
    EXPECT_EQ(under_test.AskOutcome(active).outcome, Outcome::kUndecided);
    EXPECT_THAT(bank.TakeWords(), IsEmpty());
  }
  under_test.Advance(300ms);
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1")) << "the retry comes when its time is up";
  bank.Finish(committing, 1, BranchEnd::kCommitted);
  EXPECT_TRUE(under_test.AskOutcome(committing).outcome != Outcome::kUndecided);
}

// Sends per second of a branch that never answers.
std::vector<int> RetriesIn(EngineUnderTest& under_test, Participant& bank,
                           std::chrono::seconds seconds) {
  std::vector<int> gaps;
  int since = 0;
  for (auto at = 0ms; at < seconds; at += 100ms) {
    under_test.Advance(100ms);
    ++since;
    for (std::size_t i = bank.Take().size(); i > 0; --i) {
      gaps.push_back(since * 100);
      since = 0;
    }
  }
  return gaps;
}

TEST_F(TimeTest, RetriesBackOffToACapAndNeverSpin) {
  EngineUnderTest under_test({.retry_first = 200ms, .retry_max = 5s});
  Participant bank(under_test, {"bank-a"});
  CommittingSilently(under_test, bank);
  const std::vector<int> gaps = RetriesIn(under_test, bank, 40s);
  ASSERT_GE(gaps.size(), 8U);
  EXPECT_THAT(std::vector<int>(gaps.begin(), gaps.begin() + 5),
              ElementsAre(200, 400, 800, 1600, 3200));
  for (std::size_t i = 5; i < gaps.size(); ++i) EXPECT_EQ(gaps[i], 5000);
}

TEST_F(TimeTest, C16_WhatIsStillQueuedForASlowParticipantIsNotQueuedAgain) {
  EngineUnderTest under_test({.session_timeout = 1h});
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = CommittingSilently(under_test, bank);
  under_test.Advance(2s);
  EXPECT_EQ(under_test.Show(gtid).branches[0].attempts, 3) << "taken, delivered, and queued once";
  // One was delivered to the fetch that waited, one was queued for the next.
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1", "commit 1"));
  under_test.Advance(60s);
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1", "commit 1")) << "and later again";
}

TEST_F(TimeTest, M03_JitterSpreadsRetriesByAFifth) {
  for (const auto& [jitter, low, high] :
       {std::tuple{0.0, 1700, 1900}, std::tuple{0.999, 2100, 2300}}) {
    EngineUnderTest under_test({.retry_first = 2s, .retry_max = 2s});
    under_test.ids().jitter = jitter;
    Participant bank(under_test, {"bank-a"});
    CommittingSilently(under_test, bank);
    for (const int gap : RetriesIn(under_test, bank, 10s)) {
      EXPECT_GE(gap, low);
      EXPECT_LE(gap, high);
    }
  }
}

TEST_F(TimeTest, WhoeverWaitsTooLongIsToldWhatIsKnownAndTheTransactionGoesOn) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test.log().held = true;
  Answer<CommitAnswer> impatient;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 1s}, impatient.done());
  under_test.Advance(1100ms);
  ASSERT_TRUE(impatient.ok());
  EXPECT_EQ(impatient->ending.outcome, Outcome::kUndecided);
  bank.Vote(gtid, 1);
  under_test.log().held = false;
  under_test.Run();
  EXPECT_TRUE(under_test.AskOutcome(gtid).committed());
  Answer<CommitAnswer> again;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 1s}, again.done());
  under_test.Advance(1100ms);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->ending.committed());
  EXPECT_THAT(again->unfinished, ElementsAre(1U)) << "decided, and branch 1 is still on its way";
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_EQ(impatient.count(), 1U);
  EXPECT_EQ(again.count(), 1U);
}

TEST_F(TimeTest, AWaitOfAnyLengthIsUnderstood) {
  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> patient;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, std::chrono::milliseconds::max()},
                             patient.done());
  under_test.Run();
  EXPECT_FALSE(patient.came()) << "an endless wait is no wait at all";
  bank.Vote(gtid, 1);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_TRUE(patient.ok());
}

TEST_F(TimeTest, C17_ADeadParticipantDelaysNobodyElse) {
  EngineUnderTest under_test({.shards = 1});
  Participant a(under_test, {"bank-a"});
  Participant b(under_test, {"bank-b"});
  std::vector<Gtid> stuck;
  for (int i = 0; i < 100; ++i) stuck.push_back(CommittingSilently(under_test, a));
  a.Detach();
  for (int i = 0; i < 10; ++i) {
    const Gtid gtid = under_test.Begin();
    b.Enlist(gtid, "bank-b");
    Answer<CommitAnswer> committed;
    under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, committed.done());
    under_test.Run();
    b.Take();
    b.Vote(gtid, 1);
    b.Finish(gtid, 1, BranchEnd::kCommitted);
    EXPECT_TRUE(committed.ok()) << "without any time passing";
  }
  under_test.Advance(10s);
  Participant back(under_test, {"bank-a"});
  EXPECT_EQ(back.Take().size(), 100U)
      << "each waiting commit is sent as soon as somebody serves it again";
  for (const Gtid& gtid : stuck) back.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

}  // namespace
}  // namespace settle::coordinator
