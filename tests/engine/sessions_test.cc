// Participants: attaching, fetching and being lost.
#include <gmock/gmock.h>

#include "engine/sessions_fixture.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(SessionsTest, AnAttachedSessionLearnsWhoseLogThisIs) {
  const auto attached = Attach("bank-a", "db:a");
  ASSERT_TRUE(attached.ok());
  EXPECT_EQ(attached->log_id, "k3m9qxw4c7ab");
  EXPECT_EQ(attached->epoch, 2U);
  EXPECT_EQ(attached->session_timeout, 10s);
}

TEST_F(SessionsTest, AParkedFetchIsAnsweredByTheFirstCommand) {
  const SessionId session = Attach("bank-a", "db:a")->session;
  const auto batch = Fetch(session);
  EXPECT_FALSE(batch.came());
  Stray(1);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->number, 1);
  EXPECT_THAT(Numbers(*batch), ElementsAre(1U));
  EXPECT_EQ(batch->commands[0].epoch, 2U) << "every command carries the epoch";
}

TEST_F(SessionsTest, ABatchIsWhateverQueuedAndNotMoreThanAskedFor) {
  const SessionId session = Attach("bank-a", "db:a")->session;
  for (BranchNumber number = 1; number <= 5; ++number) Stray(number);
  const auto first = Fetch(session, 0, 2);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(Numbers(*first), ElementsAre(1U, 2U));
  const auto second = Fetch(session, first->number, 100);
  ASSERT_TRUE(second.ok());
  EXPECT_THAT(Numbers(*second), ElementsAre(3U, 4U, 5U));
  EXPECT_EQ(second->number, 2);
}

TEST_F(SessionsTest, N01_ABatchIsSentAgainUntilTheNextFetchSaysThatItArrived) {
  const SessionId session = Attach("bank-a", "db:a")->session;
  Stray(1);
  const auto lost = Fetch(session, 0);
  Stray(2);
  const auto again = Fetch(session, 0);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->number, lost->number);
  EXPECT_THAT(Numbers(*again), ElementsAre(1U));
  const auto next = Fetch(session, 1);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->number, 2);
  EXPECT_THAT(Numbers(*next), ElementsAre(2U));
  EXPECT_FALSE(Fetch(session, 2).came());
}

TEST_F(SessionsTest, WhatIsSentAgainReachesEachProcessInTurnHoweverMuchIsSentBeside) {
  Participant processes[] = {{under_test, {"bank-a"}}, {under_test, {"bank-a"}}};
  for (int attempt = 2; attempt <= 3; ++attempt) {
    for (BranchNumber number = 1; number <= 4; ++number) Retry(number, attempt);
  }
  for (Participant& process : processes) {
    std::vector<BranchNumber> came;
    for (const Command& command : process.Take()) came.push_back(command.key.number);
    EXPECT_THAT(came, ElementsAre(1U, 2U, 3U, 4U));
  }
}

TEST_F(SessionsTest, ANewFetchSupersedesTheOneThatIsParked) {
  const SessionId session = Attach("bank-a", "db:a")->session;
  const auto old = Fetch(session);
  const auto current = Fetch(session);
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(old->number, 0) << "an empty batch, so that nothing is lost on a dead connection";
  Stray(1);
  ASSERT_TRUE(current.ok());
  EXPECT_THAT(Numbers(*current), ElementsAre(1U));
  EXPECT_EQ(old.count(), 1U);
}

TEST_F(SessionsTest, AParkedFetchEndsEmptyWhenItsTimeIsUp) {
  const SessionId session = Attach("bank-a", "db:a")->session;
  const auto batch = Fetch(session);
  under_test.Advance(4900ms);
  EXPECT_FALSE(batch.came());
  under_test.Advance(200ms);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->number, 0);
}

TEST_F(SessionsTest, ASilentSessionIsLostAndItsUnpreparedWorkAborted) {
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  under_test.Advance(9900ms);
  EXPECT_EQ(under_test.AskOutcome(gtid).outcome, Outcome::kUndecided);
  under_test.Advance(300ms);
  EXPECT_TRUE(under_test.observer().Saw("aborted: the process that owned a branch was lost"));
  EXPECT_THAT(under_test.ListOpen(), IsEmpty()) << "nothing waits for what died with its process";
  const auto fetch = Fetch(bank.session());
  ASSERT_FALSE(fetch.ok());
  EXPECT_EQ(fetch.error().code, ErrorCode::kNotFound);
}

TEST_F(SessionsTest, ASessionWhoseFetchIsParkedIsNotSilent) {
  Participant bank(under_test, {"bank-a"});
  for (int i = 0; i < 6; ++i) {
    bank.Take();
    under_test.Advance(4s);
  }
  EXPECT_TRUE(Fetch(bank.session()).count() == 0) << "still attached";
}

TEST_F(SessionsTest, AReportIsASignOfLifeAndOneOfALostSessionIsRefused) {
  Participant bank(under_test, {"bank-a"});
  for (int i = 0; i < 3; ++i) {
    under_test.Advance(8s);
    Answer<std::monostate> reported;
    under_test.engine().Report({bank.session(), {}, {}}, reported.done());
    EXPECT_TRUE(reported.ok());
  }
  under_test.Advance(11s);
  Answer<std::monostate> reported;
  under_test.engine().Report({bank.session(), {}, {}}, reported.done());
  EXPECT_EQ(reported.error().code, ErrorCode::kNotFound);
}

TEST_F(SessionsTest, ADetachedSessionsUnpreparedWorkIsAbortedAndItsParkedFetchAnswered) {
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  bank.Enlist(gtid, "bank-a");
  const auto parked = Fetch(bank.session());
  bank.Detach();
  EXPECT_EQ(parked.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST_F(SessionsTest, EnlistNeedsASessionThatServesTheResource) {
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  Answer<BranchNumber> other;
  under_test.engine().Enlist({gtid, "bank-b", bank.session(), "k1"}, other.done());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  Answer<BranchNumber> unknown;
  under_test.engine().Enlist({gtid, "bank-a", "s99", "k1"}, unknown.done());
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
}

TEST_F(SessionsTest, ASessionLostWhileItEnlistsLeavesNoBranchBehind) {
  Participant bank(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  Answer<BranchNumber> joined;
  under_test.engine().Enlist({gtid, "bank-a", bank.session(), "k1"},
                             joined.done());  // looked up, queued
  Answer<std::monostate> detached;
  under_test.engine().Detach(bank.session(), detached.done());
  under_test.Run();
  EXPECT_THAT(under_test.ListOpen(), IsEmpty());
}

TEST_F(SessionsTest, CommandsOfOneResourceAreSharedByItsSessionsAndPrepareIsNot) {
  Participant first(under_test, {"bank-a"});
  Participant second(under_test, {"bank-a"});
  for (BranchNumber number = 1; number <= 10; ++number) Stray(number);
  EXPECT_EQ(first.Take().size(), 5U);
  EXPECT_EQ(second.Take().size(), 5U);
  const Gtid gtid = under_test.Begin();
  second.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, committed.done());
  under_test.Run();
  EXPECT_THAT(first.TakeWords(), IsEmpty());
  EXPECT_THAT(second.TakeWords(), ElementsAre("prepare 1"));
}

TEST_F(SessionsTest, P07_AnotherSessionOfTheNameFinishesWhatALostOneHadPrepared) {
  Participant first(under_test, {"bank-a"});
  Participant second(under_test, {"bank-a"});
  const Gtid gtid = under_test.Begin();
  first.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, committed.done());
  under_test.Run();
  first.Vote(gtid, 1);
  first.Detach();
  EXPECT_THAT(second.TakeWords(), ElementsAre("commit 1"));
  second.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_TRUE(committed.ok());
}

TEST_F(SessionsTest, X02_AVoteForAnothersBranchIsIgnored) {
  Participant owner(under_test, {"bank-a"});
  Participant colleague(under_test, {"bank-a"});
  Participant stranger(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  owner.Enlist(gtid, "bank-a");
  Answer<CommitAnswer> committed;
  under_test.engine().Commit({gtid, {}, Wait::kApplied, 0ms}, committed.done());
  under_test.Run();
  stranger.Vote(gtid, 1);
  colleague.Vote(gtid, 1);
  EXPECT_EQ(under_test.Show(gtid).state, "preparing");
  EXPECT_TRUE(under_test.observer().Saw("spoke for branch 1 in bank-a, which is not its own"));
  owner.Vote(gtid, 1);
  EXPECT_EQ(under_test.Show(gtid).state, "committing");
  stranger.Finish(gtid, 1, BranchEnd::kAborted);
  EXPECT_EQ(under_test.Show(gtid).branches[0].state, "committing");
  colleague.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_TRUE(committed.ok()) << "any session of the resource may finish it";
}

TEST_F(SessionsTest, C15_AParticipantThatHasSeenALaterEpochOfThisLogIsRefused) {
  const auto attached = Attach({"process", {{"bank-a", "db:a"}}, "k3m9qxw4c7ab", 3});
  ASSERT_FALSE(attached.ok());
  EXPECT_EQ(attached.error().code, ErrorCode::kStaleEpoch);
  EXPECT_THAT(attached.error().message, HasSubstr("restored from an older copy"));
  EXPECT_TRUE(Attach({"process", {{"bank-a", "db:a"}}, "k3m9qxw4c7ab", 2}).ok());
  EXPECT_TRUE(Attach({"process", {{"bank-a", "db:a"}}, "zzzzzzzzzzzz", 9}).ok())
      << "another log's epoch";
}

TEST_F(SessionsTest, C22_SessionsAreLimitedByName) {
  EngineUnderTest small({.sessions_max = 1});
  Participant bank(small, {"bank-a"});
  Answer<Attached> refused;
  small.engine().Attach({"process", {{"bank-a", "db:bank-a"}}, "", 0}, refused.done());
  small.Run();
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  bank.Detach();
  Participant next(small, {"bank-a"});
  EXPECT_FALSE(next.session().empty());
}

TEST_F(SessionsTest, X03_SessionsThatComeAtOnceAreHeldToTheQuotaOfTheirIdentity) {
  Answer<Attached> answers[3];  // until the names of all are durable, none is there
  for (Answer<Attached>& answer : answers) {
    const std::string name = "bank-" + std::to_string(&answer - answers);
    under_test.engine().Attach({"", {{name, "db"}}, "", 0, {}, "cn:bank", 2}, answer.done());
  }
  under_test.Run();
  EXPECT_TRUE(answers[0].ok() && answers[1].ok());
  EXPECT_EQ(answers[2].error().code, ErrorCode::kRetry);
}

TEST_F(SessionsTest, C22_CommandsQueuedForASessionAreLimitedAndSentAgainLater) {
  EngineUnderTest small({.shards = 1, .commands_queued_max = 2});
  Participant bank(small, {"bank-a"});
  std::vector<Gtid> gtids;
  for (int i = 0; i < 4; ++i) {
    gtids.push_back(small.Begin());
    bank.Enlist(gtids.back(), "bank-a");
    Answer<Ending> aborted;
    small.engine().Abort({gtids.back(), AbortCause::kRequested, "r", {}}, aborted.done());
    small.Run();
  }
  std::size_t heard = 0;
  for (int i = 0; i < 50; ++i) {
    for (const Command& command : bank.Take()) {
      ++heard;
      bank.Finish(command.key.gtid, 1, BranchEnd::kAborted);
    }
    small.Advance(100ms);
  }
  EXPECT_GE(heard, 4U);
  EXPECT_THAT(small.ListOpen(), IsEmpty());
}

// A completion may call the engine, also when it is told of an error.
TEST_F(SessionsTest, ACompletionMayCallBackAtOnce) {
  int called = 0;
  const auto call_back = [&](const auto&) {
    ++called;
    View();
  };
  under_test.engine().Fetch({"s99", 0, 1, 0ms}, call_back);
  under_test.engine().Attach({"process", {{"bank a", "db:a"}}, "", 0}, call_back);
  under_test.engine().AcceptIdentity({"bank-z", "db:z", "eve", "moved", 0}, call_back);
  EXPECT_EQ(called, 3);
}

}  // namespace
}  // namespace settle::coordinator
