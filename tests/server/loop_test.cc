#include "server/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "server/pool.h"

namespace settle::server {
namespace {

using namespace std::chrono_literals;

TEST(Loop, RunsTasksOfEveryThreadOnItsOwnInTheOrderOfEach) {
  Loops loops(1);
  loops.Start();
  std::vector<std::pair<int, int>> ran;  // by the loop alone
  std::vector<std::thread> posters;
  for (int who = 0; who < 4; ++who) {
    posters.emplace_back([&, who] {
      for (int i = 0; i < 500; ++i) {
        loops[0].Post([&, who, i] {
          EXPECT_TRUE(loops[0].here());
          ran.emplace_back(who, i);
        });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  loops[0].Run([] {});
  ASSERT_EQ(ran.size(), 2'000u);
  std::vector<int> next(4, 0);
  for (const auto& [who, i] : ran) EXPECT_EQ(i, next[static_cast<std::size_t>(who)]++);
}

TEST(Loop, ASleepingLoopIsWokenByEveryPost) {
  Loops loops(2);
  loops.Start();
  // Each waits for the other: one wake-up lost is one wait for ever.
  std::promise<void> done;
  std::function<void(int)> ping = [&](int left) {
    if (left == 0) return done.set_value();
    loops[static_cast<std::size_t>(left % 2)].Post([&ping, left] { ping(left - 1); });
  };
  ping(20'000);
  EXPECT_EQ(done.get_future().wait_for(30s), std::future_status::ready);
}

TEST(Loop, DrivenWorkIsCalledWhenItAskedToBeAndAfterAWake) {
  Loops loops(1);
  std::atomic<int> turns{0};
  std::promise<void> third;
  const auto begun = std::chrono::steady_clock::now();
  loops[0].Drive([&]() -> std::optional<Loop::Instant> {
    if (++turns == 3) third.set_value();
    if (turns >= 3) return std::nullopt;
    return begun + turns.load() * 30ms;
  });
  loops.Start();
  third.get_future().wait();
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 60ms);
  const int before = turns;
  loops[0].Wake();
  loops[0].Run([] {});
  loops[0].Run([] {});  // in a later round: what the one before it drives has run
  EXPECT_GT(turns, before);
}

// libevent's clock is coarse: a round shortly before the moment takes the timer for due, and then
// it has to be set once more.
TEST(Loop, DrivenWorkIsCalledAtItsMomentAlsoIfTheLoopWasWokenJustBefore) {
  Loops loops(1);
  std::binary_semaphore reached(0);
  std::atomic<Loop::Instant> next = Loop::Instant::max();
  loops[0].Drive([&]() -> std::optional<Loop::Instant> {
    if (next.load() == Loop::Instant::max()) return std::nullopt;
    if (next.load() > std::chrono::steady_clock::now()) return next.load();
    next = Loop::Instant::max();
    reached.release();
    return std::nullopt;
  });
  loops.Start();
  for (int i = 0; i < 100; ++i) {
    const auto moment = std::chrono::steady_clock::now() + 10ms;
    next = moment;
    loops[0].Wake();
    std::this_thread::sleep_until(moment - i % 8 * 500us);
    loops[0].Wake();
    ASSERT_TRUE(reached.try_acquire_for(30s)) << "moment " << i;
  }
}

TEST(Loop, WhatIsDueLaterRunsThenAndWhatEndsTheRoundRunsAfterItsWork) {
  Loops loops(1);
  std::string order;
  std::promise<void> ended;
  loops[0].Drive([&]() -> std::optional<Loop::Instant> {
    if (!order.empty()) order += "w";
    return std::nullopt;
  });
  loops.Start();
  const auto begun = std::chrono::steady_clock::now();
  loops[0].Run([&] {
    loops[0].At(begun + 20ms, [&] {
      order += "a";
      loops[0].AtEndOfRound([&] {
        order += "e";
        ended.set_value();
      });
    });
  });
  ended.get_future().wait();
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 20ms);
  loops.Stop();
  EXPECT_EQ(order.substr(0, 3), "awe");
}

TEST(Loop, AStopEndsALoopThatSleepsAndDropsWhatIsPostedLater) {
  Loops loops(1);
  loops.Start();
  loops.Stop();
  loops[0].Post([] { FAIL() << "ran although the loop is stopped"; });
}

TEST(Pool, OfOneThreadRunsTasksInOrderAndNoneOnceStopped) {
  Pool pool(1);
  std::promise<void> both;
  std::string ran;
  pool.Post([&] { ran += 'a'; });
  pool.Post([&] {
    ran += 'b';
    both.set_value();
  });
  both.get_future().wait();
  pool.Stop();
  pool.Post([&] { ran += 'c'; });
  pool.Stop();
  EXPECT_EQ(ran, "ab");
}

}  // namespace
}  // namespace settle::server
