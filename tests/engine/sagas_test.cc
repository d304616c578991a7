// Sagas in one shard: what the log, the clock and the participants see of them.
#include "engine/sagas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sagas_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Sagas, AStartIsAnsweredAndTheFirstCallIsMadeOnceTheBeginIsDurable) {
  SagasUnderTest under_test;
  under_test.log().held = true;
  Answer<Gtid> started;
  under_test.sagas().Start(under_test.gtid(), under_test.Trip(), started.done());
  under_test.Run();
  EXPECT_FALSE(started.came());
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  under_test.log().held = false;
  under_test.Run();
  EXPECT_EQ(*started, under_test.gtid());
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 1", "action 2"));
}

TEST(Sagas, ResultsArePassedOnAndTheEndIsToldOnceItIsDurable) {
  SagasUnderTest under_test;
  under_test.Start();
  Answer<Ending> ending;
  under_test.sagas().Await(under_test.gtid(), 1h, ending.done());
  under_test.AnswerDone(1, R"({"price": 120})");
  under_test.AnswerDone(2, R"({"price": 80})");
  const std::vector<SagaCall> calls = under_test.Take();
  EXPECT_EQ(calls.back().input, R"({"prices":[120,80]})");
  EXPECT_EQ(calls.back().participant, "bank");
  EXPECT_EQ(calls.back().action, "pay");
  EXPECT_EQ(calls.back().timeout, 30s);
  under_test.log().held = true;
  under_test.AnswerDone(3);
  EXPECT_FALSE(ending.came());
  under_test.log().held = false;
  under_test.Run();
  ASSERT_TRUE(ending.ok());
  EXPECT_EQ(ending->outcome, Outcome::kCommitted);
  EXPECT_EQ(under_test.sagas().size(), 0U) << "its end is in the log";
  const auto ends = under_test.log().Durable<EndRecord>();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].summary.ending.outcome, Outcome::kCommitted);
  EXPECT_EQ(ends[0].summary.branches[2].identity, "step payment, action pay");
  EXPECT_THAT(under_test.log().Durable<SagaBeginRecord>(), testing::SizeIs(1));
  EXPECT_THAT(under_test.log().Durable<SagaAbortingRecord>(), IsEmpty());
}

TEST(Sagas, M01_AnUnansweredCallIsMadeAgainAfterItsTimeoutAndAPause) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.TakeCalls();
  under_test.ids().jitter = 0;
  under_test.Advance(30s + 199ms);
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  under_test.ids().jitter = 1.0;  // the second pause, of 400 ms, is a fifth longer
  under_test.Advance(1ms);
  const std::vector<SagaCall> again = under_test.Take();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].attempt, 2);
  under_test.Advance(30s + 479ms);
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  under_test.Advance(1ms);
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 1", "action 2"));
}

TEST(Sagas, M06_AFailureIsUndoneOnceThatIsDurableAndCancelledTimersStaySilent) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.TakeCalls();
  under_test.AnswerDone(1, R"({"price": 120})");
  under_test.log().held = true;
  under_test.AnswerAction(2, {AnswerKind::kFailed, "no room", 0});
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  under_test.log().held = false;
  under_test.Run();
  const std::vector<SagaCall> calls = under_test.Take();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[1].op, ActionOp::kCompensate);
  EXPECT_EQ(calls[1].result, R"({"price": 120})");
  under_test.AnswerUndone(1);
  under_test.AnswerUndone(2);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kAborted);
  EXPECT_EQ(under_test.Ended().reason, "step hotel failed: no room");
  under_test.Advance(1h);
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
}

TEST(Sagas, M03_ACompensationThatKeepsFailingIsNoHotLoopAndRaisesOneAlarm) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.Cancel();
  under_test.TakeCalls();
  int calls = 0;
  for (auto passed = 0s; passed < 3600s; passed += 1s) {
    under_test.AnswerCompensation(1, {AnswerKind::kFailed, "no", 0});
    under_test.AnswerUndone(2);
    under_test.Advance(1s);
    calls += static_cast<int>(under_test.TakeCalls().size());
  }
  EXPECT_GT(calls, 50);
  EXPECT_LT(calls, 80) << "about one a minute";
  EXPECT_EQ(under_test.AlarmsRaised("does not get on"), 1);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kUnknown) << "never reported done";
}

TEST(Sagas, ASagaThatWaitsAWeekHasOneTimer) {
  SagasUnderTest under_test;
  under_test.Start({"visa embassy/apply"});
  under_test.TakeCalls();
  under_test.AnswerAction(1, {AnswerKind::kOngoing, "", 86'400'000});
  for (int day = 1; day <= 7; ++day) {
    under_test.Advance(23h);
    EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
    under_test.Advance(1h + 1s);
    EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 1"));
    under_test.AnswerAction(1, {AnswerKind::kOngoing, "", 86'400'000});
  }
  under_test.AnswerDone(1);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kCommitted);
}

TEST(Sagas, M05_TheDeadlineUndoesWhatWasNotAnswered) {
  SagasUnderTest under_test;
  under_test.Start({"visa embassy/apply"}, 60'000);
  under_test.TakeCalls();
  under_test.AnswerAction(1, {AnswerKind::kOngoing, "", 86'400'000});
  under_test.Advance(59s);
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  under_test.Advance(1s);
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("compensate 1"));
}

TEST(Sagas, T01_ADeadlineGoesOnOverARestartAndIsNotMovedByTheWallClockWithinALife) {
  SagasUnderTest under_test;
  under_test.Start({"visa embassy/apply"}, 60'000);
  under_test.AnswerAction(1, {AnswerKind::kOngoing, "", 86'400'000});
  under_test.Advance(40s);
  under_test.clock().SetWall(under_test.clock().WallNow() + 3'600'000'000);
  under_test.Advance(10s);
  under_test.TakeCalls();
  EXPECT_EQ(under_test.State(), "running") << "an hour's jump of the wall clock ends nothing";
  under_test.clock().SetWall(under_test.clock().WallNow() - 3'600'000'000);
  under_test.Crash();
  under_test.Advance(9s);
  EXPECT_EQ(under_test.State(), "running");
  under_test.Advance(1s);
  EXPECT_EQ(under_test.State(), "compensating");
}

TEST(Sagas, T01_AClockSetWhileTheBeginIsStoredMovesNoDeadline) {
  SagasUnderTest under_test;
  under_test.log().held = true;
  under_test.Start({"visa embassy/apply"}, 60'000);
  under_test.clock().SetWall(under_test.clock().WallNow() + 3'600'000'000);
  under_test.Advance(20s);
  under_test.log().held = false;
  under_test.AnswerAction(1, {AnswerKind::kOngoing, "", 86'400'000});
  under_test.Advance(39s);
  EXPECT_EQ(under_test.State(), "running");
  under_test.Advance(1s);
  EXPECT_EQ(under_test.State(), "compensating") << "the time that the log took counts as well";
}

TEST(Sagas, T01_AWallClockSetBackOverARestartMakesNoDeadlineLonger) {
  SagasUnderTest under_test;
  under_test.Start({"visa embassy/apply"}, 60'000);
  under_test.clock().SetWall(0);
  under_test.Crash();
  under_test.AnswerAction(1, {AnswerKind::kOngoing, "", 86'400'000});
  under_test.Advance(60s);
  EXPECT_EQ(under_test.State(), "compensating");
}

TEST(Sagas, M04_ARestartGoesOnFromWhatIsDurable) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.AnswerDone(1, R"({"price": 120})");
  under_test.log().held = true;
  under_test.AnswerDone(2, R"({"price": 80})");  // its lazy record is lost
  under_test.TakeCalls();
  under_test.Crash();
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 2"));
  under_test.AnswerDone(2, R"({"price": 80})");
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 3"));
  under_test.AnswerDone(3);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kCommitted);
}

TEST(Sagas, M04_AnEndWhoseRecordForPeopleWasLostIsWrittenAgain) {
  SagasUnderTest under_test;
  under_test.Start({"flight airline/reserve-seat"});
  under_test.AnswerDone(1, "{}", 2);  // so far that its end is durable, but nothing behind it
  ASSERT_THAT(under_test.log().Durable<EndRecord>(), IsEmpty());
  ASSERT_THAT(under_test.log().Durable<SagaEndRecord>(), testing::SizeIs(1));
  under_test.Crash();
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kCommitted);
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 1")) << "only that of the first life";
  EXPECT_EQ(under_test.sagas().size(), 0U);
}

TEST(Sagas, AReadyParticipantIsSentWhatWaitsForIt) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.TakeCalls();
  under_test.sagas().ParticipantReady("hotels");
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("action 2"));
  under_test.sagas().ParticipantReady("bank");
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
}

TEST(Sagas, X02_AnAnswerCountsOnlyFromWhoServesTheParticipant) {
  SagasUnderTest under_test;
  under_test.Start();
  const SagaAnswer done{{under_test.gtid(), 1}, ActionOp::kAction, 1, {AnswerKind::kDone, "", 0}};
  EXPECT_FALSE(under_test.sagas().Answered({"hotels", "bank"}, done));
  EXPECT_EQ(under_test.StepState(1), "running");
  SagaAnswer none = done;
  none.key.number = 9;
  EXPECT_FALSE(under_test.sagas().Answered({"airline"}, none));
  EXPECT_TRUE(under_test.sagas().Answered({"airline"}, done));
  EXPECT_EQ(under_test.StepState(1), "done");
}

TEST(Sagas, AResultThatCannotBePassedOnIsNoneAndRaisesAnAlarm) {
  for (const std::string& result :
       {std::string("seat 12A"), std::string("\"\xff\""), "\"" + std::string(70'000, 'x') + "\"",
        std::string(100, '[') + std::string(100, ']')}) {
    SagasUnderTest under_test;
    under_test.Start();
    for (int attempt = 1; attempt <= 5; ++attempt) {
      under_test.AnswerDone(1, result);
      under_test.Advance(10s);
    }
    EXPECT_EQ(under_test.StepState(1), "running");
    EXPECT_EQ(under_test.AlarmsRaised("its result"), 1);
  }
}

TEST(Sagas, WhatAParticipantSaysOfItselfIsCut) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.AnswerAction(1, {AnswerKind::kFailed, std::string(100'000, 'x'), 0});
  under_test.AnswerUndone(1);
  under_test.AnswerUndone(2);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kAborted);
  EXPECT_LT(under_test.Ended().reason.size(), 1'100U);
}

TEST(Sagas, AnInputThatIsNoJsonStartsNothing) {
  SagasUnderTest under_test;
  StartSagaCall call = under_test.Trip();
  call.input = "customer 7";
  Answer<Gtid> started;
  under_test.sagas().Start(under_test.gtid(), call, started.done());
  EXPECT_EQ(started.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(under_test.sagas().size(), 0U);
}

TEST(Sagas, AWaitThatIsOverHearsUndecidedAndTheSagaGoesOn) {
  SagasUnderTest under_test;
  under_test.Start();
  Answer<Ending> ending;
  under_test.sagas().Await(under_test.gtid(), 5s, ending.done());
  under_test.Advance(4s);
  EXPECT_FALSE(ending.came());
  under_test.Advance(1s);
  EXPECT_EQ(ending->outcome, Outcome::kUndecided);
  EXPECT_EQ(ending.count(), 1U);
  EXPECT_EQ(under_test.State(), "running");
}

TEST(Sagas, WhatIsNotHereIsNotFound) {
  SagasUnderTest under_test;
  const Gtid none = Gtid::Make("k3m9qxw4c7ab", 2, 999, 1);
  Answer<Ending> ending;
  under_test.sagas().Await(none, 1s, ending.done());
  EXPECT_EQ(ending.error().code, ErrorCode::kNotFound);
  Answer<Hurried> retried;
  under_test.sagas().Retry(none, 0, retried.done());
  EXPECT_EQ(retried.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(under_test.sagas().Show(none));
  under_test.sagas().Answered({"airline"}, {{none, 1}, ActionOp::kAction, 1, {}});
}

}  // namespace
}  // namespace settle::coordinator
