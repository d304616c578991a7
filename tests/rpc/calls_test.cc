#include "rpc/calls.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "server/loop.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;

class OnALoop : public ::testing::Test {
 protected:
  OnALoop() { loops_.Start(); }
  ~OnALoop() override { loops_.Stop(); }

  // `start` is given the completion, on the loop.
  template <typename Start>
  std::future<Result<int>> Await(const Calls::Limits& limits, Start start) {
    auto answer = std::make_shared<std::promise<Result<int>>>();
    loops_[0].Run([&] {
      start(calls_.Await<int>(limits, [this, answer](Result<int> result) {
        EXPECT_TRUE(loops_[0].here());
        answer->set_value(std::move(result));
      }));
    });
    return answer->get_future();
  }
  static bool IsThere(const std::future<Result<int>>& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  server::Loops loops_{1};
  Calls calls_{loops_[0]};
};

TEST_F(OnALoop, TheAnswerIsWhatTheEngineCompletedWithOnWhicheverThread) {
  std::thread engine;
  auto answer =
      Await({}, [&](Completion<int> done) { engine = std::thread([done] { done(42); }); });
  EXPECT_EQ(*answer.get(), 42);
  engine.join();
}

TEST_F(OnALoop, ACompletionOnTheLoopsOwnThreadIsAnAnswerAtOnce) {
  auto answer = Await({}, [](const Completion<int>& done) { done(7); });
  ASSERT_TRUE(IsThere(answer));
  EXPECT_EQ(*answer.get(), 7);
}

TEST_F(OnALoop, AWaitBeyondItsLimitSaysThatTheOutcomeIsToBeAskedAndTakesNoThread) {
  std::vector<Completion<int>> never;
  const auto keep = [&](Completion<int> done) { never.push_back(std::move(done)); };
  auto patient = Await({.limit = 1h}, keep);
  auto answer = Await({.limit = 1ms, .if_given_up = ErrorCode::kAskOutcome}, keep);
  // The loop goes on meanwhile.
  EXPECT_EQ(*Await({}, [](const Completion<int>& done) { done(1); }).get(), 1);
  const Result<int> given_up = answer.get();
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code, ErrorCode::kAskOutcome);
  EXPECT_FALSE(IsThere(patient));
  never.front()(5);
  EXPECT_EQ(*patient.get(), 5);
}

TEST_F(OnALoop, ACompletionAfterTheWaitWasGivenUpIsDroppedSafely) {
  Completion<int> late;
  auto answer = Await({.limit = 1ms}, [&](Completion<int> done) { late = std::move(done); });
  EXPECT_FALSE(answer.get());
  late(1);
  late(2);
}

TEST_F(OnALoop, ACompletionThatOutlivesTheLoopTouchesNothing) {
  Completion<int> late;
  {
    server::Loops loops(1);
    Calls calls(loops[0]);
    loops.Start();
    std::promise<void> given_up;
    loops[0].Run([&] { late = calls.Await<int>({}, [&](Result<int>) { given_up.set_value(); }); });
    calls.StopAll();
    given_up.get_future().wait();
    loops.Stop();
  }
  late(1);
}

TEST_F(OnALoop, OnceStoppedEveryWaitEndsUnlessItIsAnsweredAlready) {
  std::vector<Completion<int>> never;
  const auto keep = [&](Completion<int> done) { never.push_back(std::move(done)); };
  auto before = Await({.limit = 1h}, keep);
  calls_.StopAll();
  EXPECT_FALSE(before.get());
  EXPECT_FALSE(Await({.limit = 1h}, keep).get());
  EXPECT_EQ(*Await({.limit = 1h}, [](const Completion<int>& done) { done(1); }).get(), 1);
}

TEST_F(OnALoop, StoppingParkedCallsLeavesWorkingOnesAlone) {
  Completion<int> working_done;
  Completion<int> parked_done;
  auto working =
      Await({.limit = 1h}, [&](Completion<int> done) { working_done = std::move(done); });
  auto parked = Await({.limit = 1h, .kind = Calls::Kind::kParked},
                      [&](Completion<int> done) { parked_done = std::move(done); });
  calls_.StopParked();
  EXPECT_FALSE(parked.get());
  EXPECT_FALSE(IsThere(working));
  working_done(5);
  EXPECT_EQ(*working.get(), 5);
}

TEST_F(OnALoop, ManyWaitsEndEachOnceInAnyOrder) {
  std::vector<Completion<int>> dones;
  std::vector<std::future<Result<int>>> answers;
  for (int i = 0; i < 100; ++i) {
    answers.push_back(
        Await({.limit = 1h}, [&](Completion<int> done) { dones.push_back(std::move(done)); }));
  }
  for (int i = 0; i < 100; i += 3) dones[static_cast<std::size_t>(i)](i);
  for (int i = 99; i >= 0; --i) dones[static_cast<std::size_t>(i)](i);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*answers[static_cast<std::size_t>(i)].get(), i);
}

}  // namespace
}  // namespace settle::coordinator
