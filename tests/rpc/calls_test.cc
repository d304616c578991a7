#include "rpc/calls.h"

#include <gtest/gtest.h>

#include <thread>

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;

TEST(Calls, TheAnswerIsWhatTheEngineCompletedWith) {
  Calls calls;
  std::thread engine;
  const Result<int> answer = calls.Await<int>(
      {}, [&](Completion<int> done) { engine = std::thread([done] { done(42); }); });
  engine.join();
  EXPECT_EQ(*answer, 42);
}

TEST(Calls, ACompletionOnTheCallersOwnThreadIsAnAnswerToo) {
  Calls calls;
  EXPECT_EQ(*calls.Await<int>({}, [](const Completion<int>& done) { done(7); }), 7);
}

TEST(Calls, AWaitBeyondItsLimitSaysThatTheOutcomeIsToBeAsked) {
  Calls calls;
  const Result<int> answer = calls.Await<int>({.limit = 1ms, .if_given_up = ErrorCode::kAskOutcome},
                                              [](const Completion<int>&) {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kAskOutcome);
}

TEST(Calls, ACompletionAfterTheWaitWasGivenUpIsDroppedSafely) {
  Calls calls;
  Completion<int> late;
  const Result<int> answer =
      calls.Await<int>({.limit = 1ms}, [&](Completion<int> done) { late = std::move(done); });
  ASSERT_FALSE(answer);
  late(1);
}

TEST(Calls, OnceStoppedEveryWaitEndsAtOnceUnlessItIsAnsweredAlready) {
  Calls calls;
  calls.StopAll();
  const Result<int> given_up = calls.Await<int>({.limit = 1h}, [](const Completion<int>&) {});
  EXPECT_FALSE(given_up);
  EXPECT_EQ(*calls.Await<int>({.limit = 1h}, [](const Completion<int>& done) { done(1); }), 1);
}

TEST(Calls, StoppingParkedCallsLeavesWorkingOnesAlone) {
  Calls calls;
  calls.StopParked();
  EXPECT_FALSE(
      calls.Await<int>({.limit = 1h, .kind = Calls::Kind::kParked}, [](const Completion<int>&) {}));
  std::thread engine;
  const Result<int> working = calls.Await<int>(
      {.limit = 1h}, [&](Completion<int> done) { engine = std::thread([done] { done(5); }); });
  engine.join();
  EXPECT_EQ(*working, 5);
}

}  // namespace
}  // namespace settle::coordinator
