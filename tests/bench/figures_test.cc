// How the benchmark counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "bench/load.h"
#include "bench/report.h"
#include "support/wait_until.h"

namespace settle::bench {
namespace {

using std::chrono_literals::operator""ms;
using ::testing::HasSubstr;

CpuTimes NoCpu() { return {}; }

TEST(Figures, APercentileIsAValueThatSoManyDoNotExceed) {
  std::vector<double> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i);
  EXPECT_EQ(Percentile(hundred, 0.5), 50);
  EXPECT_EQ(Percentile(hundred, 0.99), 99);
  EXPECT_EQ(Percentile(hundred, 1), 100);
  EXPECT_EQ(Percentile({7}, 0.99), 7);
  EXPECT_EQ(Percentile({}, 0.5), 0);
}

TEST(Figures, ASpreadNamesTheMedianAndTheEnds) {
  const Spread odd = SpreadOf({3, 1, 20});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.least, 1);
  EXPECT_EQ(odd.most, 20);
  EXPECT_EQ(SpreadOf({4, 2}).median, 3);
}

TEST(Figures, WhatEndsInTheWindowIsCountedAndEverythingIsInAll) {
  std::atomic<std::uint64_t> done = 0;
  const Operation operation = [&] {
    std::this_thread::sleep_for(2ms);
    ++done;
  };
  const Stop stop = false;
  // A clock that runs ten seconds from the one reading to the next.
  double clock_us = 0;
  const auto read_cpu = [&] { return CpuTimes{.clients = 0, .databases = clock_us += 10e6}; };
  const auto run = Measure({operation, operation}, 200ms, read_cpu, stop);
  EXPECT_EQ(run.all, done);
  EXPECT_GT(run.counted, 0u);
  EXPECT_LT(run.counted, run.all) << "there is a warm-up";
  EXPECT_NEAR(run.per_second, static_cast<double>(run.counted) / 0.2, 0.001);
  EXPECT_DOUBLE_EQ(run.cpu_us.databases, 10e6 / static_cast<double>(run.all));
  EXPECT_GE(run.p50_us, 2'000);
  EXPECT_GE(run.p99_us, run.p50_us);
}

TEST(Figures, ProcessorTimeOfThisProgramIsSeen) {
  const CpuTimes before = ReadCpuTimes(::getpid(), {::getpid()});
  CpuTimes used;
  while (used.coordinator < 30'000) used = ReadCpuTimes(::getpid(), {::getpid()}) - before;
  EXPECT_GE(used.clients, 20'000) << "the same process, read in another way";
  EXPECT_GE(used.databases, 20'000);
  EXPECT_EQ(ReadCpuTimes(-1, {-1}).databases, 0);
}

TEST(Figures, AFailureOfOneClientEndsAllAndIsHandedOn) {
  const Stop stop = false;
  const Operation fails = [] { throw std::runtime_error("no money left"); };
  const Operation works = [] { std::this_thread::sleep_for(1ms); };
  try {
    Measure({works, fails}, std::chrono::hours(1), NoCpu, stop);
    FAIL() << "it went well";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "no money left");
  }
}

TEST(Figures, AStopEndsTheWindow) {
  Stop stop = false;
  const Operation operation = [&] { stop = true; };
  EXPECT_THROW(Measure({operation}, std::chrono::hours(1), NoCpu, stop), Interrupted);
}

Series SeriesOf(const std::string& name, const std::vector<double>& rates) {
  Series series{name, "transactions/s", "it is durable", 8, {}};
  for (const double rate : rates) {
    series.runs.push_back({rate, rate * 2, rate * 3, rate * 4, 10, 12, {40, 60, 0}});
  }
  return series;
}

// A machine that is half as fast in one round is so for both.
TEST(Figures, ARatioIsTakenWithinARound) {
  const Row row =
      RowOf(SeriesOf("bank.settle", {50, 100, 100}), SeriesOf("bank.hand", {100, 200, 250}));
  ASSERT_TRUE(row.ratio.has_value());
  EXPECT_DOUBLE_EQ(row.ratio->median, 0.5);
  EXPECT_DOUBLE_EQ(row.ratio->least, 0.4);
  EXPECT_DOUBLE_EQ(row.ratio->most, 0.5);
  EXPECT_EQ(row.value.median, 100);
  EXPECT_EQ(row.p50_us, 200);
  EXPECT_EQ(row.p99_us, 300);
  EXPECT_EQ(row.p999_us, 400);
  EXPECT_EQ(row.count, 30u);
  EXPECT_EQ(row.against, "bank.hand");
}

TEST(Figures, WhatAnOperationSaysItTookIsItsLatency) {
  const Stop stop = false;
  const TimedOperation operation = [] { return 7.0; };
  const auto run = MeasureTimed({operation}, 5ms, NoCpu, stop);
  EXPECT_GT(run.counted, 0u);
  EXPECT_EQ(run.p50_us, 7);
  EXPECT_EQ(run.p999_us, 7);
}

TEST(Figures, ARunLastsUntilSomethingEnded) {
  const Stop stop = false;
  const auto behind_the_window = std::chrono::steady_clock::now() + 50ms;
  const Operation slow = [&] {
    EXPECT_TRUE(settle::testing::WaitUntil(
        [&] { return std::chrono::steady_clock::now() >= behind_the_window; }));
  };
  const auto run = Measure({slow, slow}, 10ms, NoCpu, stop);
  EXPECT_EQ(run.counted, 1u) << "of two that began in the window and ended behind it";
  EXPECT_GT(run.per_second, 0);
  EXPECT_LE(run.per_second, 1 / 0.048) << "it is divided by the time that it took";
}

TEST(Figures, LatenciesAreComparedByRoundAsRatesAre) {
  const Row row = RowOf(LatencyOf(SeriesOf("bank.settle", {50, 100, 100})),
                        LatencyOf(SeriesOf("bank.hand", {100, 200, 250})));
  EXPECT_EQ(row.name, "bank.settle_p50");
  EXPECT_EQ(row.unit, "us");
  EXPECT_EQ(row.value.median, 200);
  EXPECT_EQ(row.against, "bank.hand_p50");
  EXPECT_DOUBLE_EQ(row.ratio->least, 0.4);
}

TEST(Figures, ARowOfJsonIsOneLineWithEveryKey) {
  const Series hand = SeriesOf("bank.hand", {100});
  const std::string compared = JsonLineOf(RowOf(SeriesOf("bank.settle", {50}), hand));
  EXPECT_EQ(compared.find('\n'), compared.size() - 1);
  const auto row = nlohmann::json::parse(compared);
  EXPECT_EQ(row["row"], "bank.settle");
  EXPECT_EQ(row["clients"], 8);
  EXPECT_EQ(row["value"], 50);
  EXPECT_EQ(row["against"], "bank.hand");
  EXPECT_EQ(row["ratio"], 0.5);
  EXPECT_EQ(row["p50_us"], 100);
  EXPECT_EQ(row["p99_us"], 150);
  EXPECT_EQ(row["p999_us"], 200);
  EXPECT_EQ(row["cpu_us"]["coordinator"], 60);
  const auto alone = nlohmann::json::parse(JsonLineOf(RowOf(hand)));
  EXPECT_TRUE(alone["against"].is_null());
  EXPECT_TRUE(alone["ratio"].is_null());
}

TEST(Figures, ATableShowsARowOnceAndSaysWhatWasAcknowledged) {
  const Series hand = SeriesOf("bank.hand", {100});
  const Series calls = Scaled(hand, 4, "bank.calls", "calls/s");
  const std::string table = TableOf({RowOf(hand), RowOf(calls, hand)});
  EXPECT_THAT(table, HasSubstr("\nhand "));
  EXPECT_THAT(table, HasSubstr("\ncalls "));
  EXPECT_THAT(table, HasSubstr(" 400 "));
  EXPECT_THAT(table, HasSubstr("4.000"));
  EXPECT_THAT(table, HasSubstr("40+60+0"));
  EXPECT_THAT(table, HasSubstr("10+15+0")) << "a call is a quarter of it";
  EXPECT_THAT(table, HasSubstr("it is durable"));
}

}  // namespace
}  // namespace settle::bench
