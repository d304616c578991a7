// What is held against a target, and when it is met.
#include "bench/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace settle::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Row RowOf(const std::string& name, int clients, const std::string& against, double figure) {
  Row row;
  row.name = name;
  row.unit = "MiB";
  row.clients = clients;
  row.value = {figure, figure / 2, figure * 2};
  row.against = against;
  if (!against.empty()) row.ratio = row.value;
  return row;
}

Verdict On(const Row& row) {
  const std::vector<Verdict> verdicts = Judge({row});
  const auto found = std::ranges::find_if(
      verdicts, [](const Verdict& verdict) { return verdict.measured.has_value(); });
  return found == verdicts.end() ? Verdict{} : *found;
}

constexpr const char* kSettle = "postgres.settle_applied";
constexpr const char* kRival = "postgres.both_at_once";

TEST(Targets, ARatioIsMetByItsMedian) {
  EXPECT_TRUE(On(RowOf(kSettle, 8, kRival, 0.90)).met());
  EXPECT_FALSE(On(RowOf(kSettle, 8, kRival, 0.89)).met()) << "the best round alone would do";
  EXPECT_FALSE(On(RowOf(kSettle, 32, kRival, 0.91)).met()) << "more is asked of 32 clients";
}

TEST(Targets, SomeAreNotToBeExceeded) {
  constexpr const char* kIdle = "scale.memory_10000_idle";
  EXPECT_TRUE(On(RowOf(kIdle, 32, "", 256)).met());
  EXPECT_FALSE(On(RowOf(kIdle, 32, "", 257)).met());
  EXPECT_EQ(On(RowOf(kIdle, 32, "", 256)).unit, "MiB");
}

TEST(Targets, OnlyTheRowWithTheRivalAndTheClientsOfATargetCounts) {
  EXPECT_FALSE(On(RowOf(kSettle, 2, kRival, 1)).measured.has_value());
  EXPECT_FALSE(On(RowOf(kSettle, 8, "postgres.settle_decision", 1)).measured.has_value());
  EXPECT_FALSE(On(RowOf(kSettle, 8, "", 1)).measured.has_value());
}

TEST(Targets, WhatWasNotMeasuredIsNamedAndNotMet) {
  const std::vector<Verdict> verdicts = Judge({});
  EXPECT_GT(verdicts.size(), 19u) << "every line of the table has one at least";
  for (const Verdict& verdict : verdicts) {
    EXPECT_FALSE(verdict.met());
    EXPECT_STRNE(verdict.target.what, "");
    EXPECT_TRUE(nlohmann::json::parse(JsonLineOf(verdict))["met"].is_null());
  }
  EXPECT_THAT(TableOf(verdicts), HasSubstr("not measured"));
}

TEST(Targets, ATableAndJsonSayWhetherTheyAreMet) {
  const std::vector<Verdict> missed{On(RowOf(kSettle, 8, kRival, 0.5))};
  EXPECT_THAT(TableOf(missed), HasSubstr("MISSED"));
  EXPECT_THAT(TableOf(missed), HasSubstr("0.250..1.000"));
  const std::vector<Verdict> met{On(RowOf(kSettle, 8, kRival, 1))};
  EXPECT_THAT(TableOf(met), Not(HasSubstr("MISSED")));
  const auto line = nlohmann::json::parse(JsonLineOf(missed.front()));
  EXPECT_EQ(line["row"], kSettle);
  EXPECT_EQ(line["against"], kRival);
  EXPECT_EQ(line["clients"], 8);
  EXPECT_EQ(line["measured"], 0.5);
  EXPECT_EQ(line["measured_least"], 0.25);
  EXPECT_EQ(line["measured_most"], 1);
  EXPECT_EQ(line["unit"], "ratio");
  EXPECT_EQ(line["bound"], "at least");
  EXPECT_EQ(line["limit"], 0.9);
  EXPECT_EQ(line["met"], false);
}

}  // namespace
}  // namespace settle::bench
