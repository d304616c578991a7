#include "access/call_rate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace settle::coordinator::access {
namespace {

using namespace std::chrono_literals;

int TakeAll(CallRate& rate, CallRate::Instant now, std::uint64_t per_second, int tries) {
  int taken = 0;
  for (int i = 0; i < tries; ++i) taken += rate.Take(now, per_second) ? 1 : 0;
  return taken;
}

TEST(CallRate, OneSecondsWorthAtOnceThenAsItRefills) {
  CallRate rate;
  const CallRate::Instant start{std::chrono::hours(1)};
  EXPECT_EQ(TakeAll(rate, start, 100, 1'000), 100);
  EXPECT_EQ(TakeAll(rate, start + 10ms, 100, 10), 1);
  EXPECT_EQ(TakeAll(rate, start + 500ms, 100, 1'000), 49);
  EXPECT_EQ(TakeAll(rate, start + 1h, 100, 1'000), 100) << "it never holds more";
}

TEST(CallRate, WhatIsRefusedCostsNothingOfLaterCalls) {
  CallRate rate;
  const CallRate::Instant start{std::chrono::hours(1)};
  EXPECT_EQ(TakeAll(rate, start, 1, 1'000), 1);
  EXPECT_FALSE(rate.Take(start + 999ms, 1));
  EXPECT_TRUE(rate.Take(start + 1s, 1));
}

TEST(CallRate, ThreadsThatCallAtOnceGetNoMoreTogether) {
  CallRate rate;
  const CallRate::Instant now{std::chrono::hours(1)};
  std::atomic<int> taken = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { taken += TakeAll(rate, now, 1'000, 1'000); });
  threads.clear();
  EXPECT_EQ(taken, 1'000);
}

TEST(CallRate, AHugeRateIsNoLimit) {
  CallRate rate;
  EXPECT_EQ(TakeAll(rate, CallRate::Instant{1h}, 1'000'000'000, 10'000), 10'000);
}

}  // namespace
}  // namespace settle::coordinator::access
