// Cancelling a saga, helping it by hand, and a log that has no room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sagas_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The flight's compensation says "failed"; the hotel's is done.
void MakeStuck(SagasUnderTest& under_test) {
  under_test.Start();
  under_test.AnswerDone(1);
  under_test.Cancel();
  under_test.AnswerUndone(2);
  under_test.AnswerCompensation(1, {AnswerKind::kFailed, "the card has expired", 0});
  under_test.TakeCalls();
}

SagaActCall SkipOf(const SagasUnderTest& under_test, BranchNumber step) {
  return {under_test.gtid(), step, SagaAct::kSkip, "", "eve", "paid back in cash"};
}

TEST(SagaOperators, WhoCancelsWaitsForTheEnd) {
  SagasUnderTest under_test;
  under_test.Start();
  Answer<Ending> ending;
  under_test.sagas().Cancel(under_test.gtid(), AbortCause::kRequested, "changed my mind", 1h,
                            ending.done());
  under_test.Run();
  EXPECT_FALSE(ending.came());
  under_test.AnswerUndone(1);
  under_test.AnswerUndone(2);
  ASSERT_TRUE(ending.ok());
  EXPECT_EQ(ending->cause, AbortCause::kRequested);
  EXPECT_EQ(ending->reason, "changed my mind");
}

TEST(SagaOperators, M07_WhoCancelsHearsThatThePivotHasRunAndWhoWaitsHearsTheEnd) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.AnswerDone(1, R"({"price": 1})");
  under_test.AnswerDone(2, R"({"price": 1})");
  Answer<Ending> cancelled;
  Answer<Ending> awaited;
  under_test.sagas().Await(under_test.gtid(), 1h, awaited.done());
  under_test.sagas().Cancel(under_test.gtid(), AbortCause::kOperator, "wrong", 1h,
                            cancelled.done());
  EXPECT_FALSE(cancelled.came());
  EXPECT_EQ(under_test.TakeCalls().back(), "fence 3");
  under_test.AnswerFence(3, {AnswerKind::kDone, "{}", 0});
  EXPECT_EQ(cancelled.error().code, ErrorCode::kRefused);
  EXPECT_THAT(cancelled.error().message, HasSubstr("its pivot payment has run"));
  ASSERT_TRUE(awaited.ok());
  EXPECT_EQ(awaited->outcome, Outcome::kCommitted);
}

TEST(SagaOperators, WhatIsSkippedIsDamageAndStaysUntilItIsForgotten) {
  SagasUnderTest under_test;
  MakeStuck(under_test);
  Answer<std::monostate> skipped;
  under_test.sagas().Act(SkipOf(under_test, 1), skipped.done());
  EXPECT_FALSE(skipped.came()) << "not before it is durable";
  under_test.Run();
  EXPECT_TRUE(skipped.ok());
  EXPECT_EQ(under_test.State(), "damaged");
  EXPECT_TRUE(under_test.observer().Saw("ended with damage"));
  under_test.Crash();
  EXPECT_EQ(under_test.State(), "damaged");
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kUnknown) << "kept";
  Answer<std::monostate> forgotten;
  Answer<std::monostate> same;
  Answer<std::monostate> other;
  under_test.sagas().Forget({under_test.gtid(), "ann", "receipt 7"}, forgotten.done());
  under_test.sagas().Forget({under_test.gtid(), "ann", "receipt 7"}, same.done());
  under_test.sagas().Forget({under_test.gtid(), "bob", "me too"}, other.done());
  EXPECT_EQ(other.error().code, ErrorCode::kRefused);
  under_test.Run();
  EXPECT_TRUE(forgotten.ok() && same.ok());
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kMixed);
  EXPECT_THAT(under_test.Ended().reason, HasSubstr("forgotten by ann: receipt 7; damage: "));
}

TEST(SagaOperators, A02_TwoAtOnceAreBothAnsweredAndOnlyOneSkips) {
  SagasUnderTest under_test;
  MakeStuck(under_test);
  Answer<std::monostate> set;
  Answer<std::monostate> skipped;
  Answer<std::monostate> late;
  under_test.sagas().Act({under_test.gtid(), 1, SagaAct::kSetInput, "{}", "bob", "new card"},
                         set.done());
  under_test.sagas().Act(SkipOf(under_test, 1), skipped.done());
  under_test.sagas().Act(SkipOf(under_test, 1), late.done());
  EXPECT_EQ(late.error().code, ErrorCode::kRefused);
  under_test.Run();
  EXPECT_TRUE(set.ok() && skipped.ok());
  EXPECT_EQ(under_test.StepState(1), "skipped");
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
}

TEST(SagaOperators, AnotherInputIsUsedOnceItIsDurableAndAfterARestart) {
  SagasUnderTest under_test;
  MakeStuck(under_test);
  Answer<std::monostate> set;
  under_test.log().held = true;
  under_test.sagas().Act(
      {under_test.gtid(), 1, SagaAct::kSetInput, R"({"card": 2})", "eve", "new card"}, set.done());
  under_test.Run();
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  under_test.log().held = false;
  under_test.Run();
  EXPECT_TRUE(set.ok());
  EXPECT_EQ(under_test.Take().back().input, R"({"card": 2})");
  under_test.Crash();
  EXPECT_EQ(under_test.Take().back().input, R"({"card": 2})");
  under_test.AnswerUndone(1);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kAborted);
}

TEST(SagaOperators, RetryCallsNowOrSaysThatNothingWaits) {
  SagasUnderTest under_test;
  MakeStuck(under_test);
  Answer<Hurried> retried;
  under_test.sagas().Retry(under_test.gtid(), 1, retried.done());
  ASSERT_TRUE(retried.ok());
  EXPECT_EQ(retried->transactions, 1U);
  EXPECT_EQ(retried->called.size(), 1U);
  EXPECT_EQ(retried->called.begin()->first.second, ActionOp::kCompensate);
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("compensate 1"));
  Answer<Hurried> refused;
  under_test.sagas().Retry(under_test.gtid(), 2, refused.done());
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
}

FakeLog::Verdict Full(const Record&) { return {AppendResult::kRefused, "disk full"}; }

TEST(SagaOperators, L01_ASagaThatCannotBeStoredNeverRan) {
  SagasUnderTest under_test;
  under_test.log().judge = Full;
  Answer<Gtid> started;
  Answer<Ending> awaited;
  under_test.sagas().Start(under_test.gtid(), under_test.Trip(), started.done());
  under_test.sagas().Await(under_test.gtid(), 1h, awaited.done());
  under_test.Run();
  EXPECT_EQ(started.error().code, ErrorCode::kRetry);
  EXPECT_EQ(awaited.error().code, ErrorCode::kRetry);
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty());
  EXPECT_EQ(under_test.sagas().size(), 0U);
  EXPECT_THAT(under_test.log().durable(), IsEmpty());
}

TEST(SagaOperators, L01_WhatMustBeWrittenIsTriedUntilThereIsRoom) {
  SagasUnderTest under_test;
  under_test.Start();
  under_test.TakeCalls();
  under_test.log().judge = Full;
  under_test.Cancel();
  under_test.Advance(1min);
  EXPECT_THAT(under_test.TakeCalls(), IsEmpty()) << "nothing is undone before that is durable";
  under_test.log().judge = nullptr;
  under_test.Advance(20s);
  EXPECT_THAT(under_test.TakeCalls(), ElementsAre("compensate 2", "compensate 1"));
  under_test.log().judge = Full;
  under_test.AnswerUndone(1);
  under_test.AnswerUndone(2);
  under_test.Advance(1min);
  EXPECT_EQ(under_test.State(), "ending");
  under_test.log().judge = [](const Record& record) {
    return std::holds_alternative<EndRecord>(record) ? Full(record) : FakeLog::Verdict{};
  };
  under_test.Advance(1min);
  EXPECT_EQ(under_test.State(), "done") << "the record for people is missing: it is shown here";
  Answer<Ending> ending;
  under_test.sagas().Await(under_test.gtid(), 1s, ending.done());
  EXPECT_EQ(ending->outcome, Outcome::kAborted);
  under_test.log().judge = nullptr;
  under_test.Advance(20s);
  EXPECT_EQ(under_test.sagas().size(), 0U);
  EXPECT_EQ(under_test.Ended().outcome, Outcome::kAborted);
}

TEST(SagaOperators, L01_AnActThatCannotBeStoredIsNotDone) {
  SagasUnderTest under_test;
  MakeStuck(under_test);
  under_test.log().judge = Full;
  Answer<std::monostate> skipped;
  under_test.sagas().Act(SkipOf(under_test, 1), skipped.done());
  under_test.Run();
  EXPECT_EQ(skipped.error().code, ErrorCode::kRetry);
  EXPECT_THAT(skipped.error().message, HasSubstr("disk full"));
  EXPECT_EQ(under_test.StepState(1), "undoing");
}

}  // namespace
}  // namespace settle::coordinator
