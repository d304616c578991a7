// What the chaos itself is made of: its plan, its disks, its judgement of trends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "chaos/chaos_run.h"

namespace settle::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Plan, IsTheSameForTheSameSeedAndAnotherForAnother) {
  EXPECT_EQ(MakePlan(7, 60s, 2s, true), MakePlan(7, 60s, 2s, true));
  EXPECT_NE(MakePlan(7, 60s, 2s, true), MakePlan(8, 60s, 2s, true));
}

TEST(Plan, HasEachKindOnceInAsManyFaultsAsThereAreKinds) {
  const auto plan = MakePlan(1, kFaultKinds * 2s, 2s, true);
  std::set<FaultKind> kinds;
  for (const PlannedFault& fault : plan) kinds.insert(fault.kind);
  EXPECT_EQ(plan.size(), std::size_t{kFaultKinds});
  EXPECT_EQ(kinds.size(), std::size_t{kFaultKinds});
}

TEST(Plan, WithoutFullDisksHasTheOtherFaultsAsEver) {
  auto with = MakePlan(3, 100s, 2s, true);
  std::erase_if(with, [](const PlannedFault& one) { return one.kind == FaultKind::kDiskFull; });
  EXPECT_EQ(MakePlan(3, 100s, 2s, false), with);
}

TEST(Plan, GoesOnWithALongerRun) {
  auto longer = MakePlan(3, 100s, 2s, true);
  const auto shorter = MakePlan(3, 50s, 2s, true);
  longer.resize(shorter.size());
  EXPECT_EQ(longer, shorter);
}

TEST(SmallDisk, IsFullUntilThereIsRoomAgain) {
  const TemporaryDirectory directory;
  SmallDisk disk(directory / "disk", 1);
  if (!disk.denied().empty()) GTEST_SKIP() << disk.denied();
  const auto can_write = [&] {
    std::ofstream file(directory / "disk/file");
    file << std::string(5'000, 'x') << std::flush;
    return file.good();
  };
  EXPECT_TRUE(can_write());
  std::filesystem::remove(directory / "disk/file");
  ASSERT_TRUE(disk.Fill());
  EXPECT_FALSE(can_write());
  disk.MakeRoom();
  EXPECT_TRUE(can_write());
}

std::vector<Sample> Samples(double start, double per_second, double noise) {
  std::vector<Sample> samples;
  for (int second = 0; second < 200; ++second) {
    samples.push_back(
        {double(second), start + per_second * second + (second % 2 ? noise : -noise)});
  }
  return samples;
}

TEST(Trend, OfWhatStaysIsFlat) { EXPECT_TRUE(TrendOf(Samples(1'000, 0, 0)).flat); }

TEST(Trend, OfWhatOnlyJittersIsFlat) { EXPECT_TRUE(TrendOf(Samples(10, 0.01, 3)).flat); }

TEST(Trend, OfWhatShrinksIsFlat) { EXPECT_TRUE(TrendOf(Samples(1'000, -2, 0)).flat); }

TEST(Trend, OfWhatGrowsBeyondItsNoiseIsNot) {
  const Trend trend = TrendOf(Samples(1'000, 2, 10));
  EXPECT_FALSE(trend.flat);
  EXPECT_NEAR(trend.per_hour, 7'200, 720);
}

TEST(Trend, WhatGrewInTheFirstHalfAloneIsFlat) {
  auto samples = Samples(1'000, 0, 1);
  for (std::size_t i = 0; i < samples.size() / 2; ++i) samples[i].value -= 500 - 5.0 * double(i);
  EXPECT_TRUE(TrendOf(samples).flat);
}

TEST(Report, NamesWhatIsLostAndTheFaultsThatFired) {
  ChaosReport report;
  report.transactions["2pc"]["committed"] = 3;
  report.faults[FaultKind::kKillDaemon] = {2, 1};
  report.acknowledged = 3;
  report.lost = 1;
  report.violations = {"durability: t1 was told committed and is in 0 of 2 banks"};
  report.recoveries_s = {0.1, 0.2, 4};
  report.operator_did["forced: accepted"] = 2;
  const std::string table = TableOf({}, report);
  EXPECT_THAT(table, HasSubstr("VIOLATION durability: t1"));
  EXPECT_THAT(table, HasSubstr("0.20 s, 4.00 s, 4.00 s of 3"));
  const auto json = JsonOf({}, report);
  EXPECT_EQ(json["faults"]["kill-daemon"]["fired"], 1);
  EXPECT_EQ(json["lost"], 1);
  EXPECT_EQ(json["operator"]["forced: accepted"], 2);
  EXPECT_EQ(json["operator"]["forced: refused"], 0);
  EXPECT_FALSE(report.held());
}

// All of it, once, shortly.
TEST(Chaos, AShortRunHoldsAndItsFaultsFire) {
  ChaosOptions options;
  options.length = 30s;
  options.every = 1'000ms;
  options.seed = 1;
  options.bound = kPatience;  // on a busy machine; scripts/chaos has the figure
  options.progress = false;
  options.keep_in = TemporaryDirectory::DefaultParent();
  const ChaosReport report = RunChaos(options);
  EXPECT_TRUE(report.held()) << TableOf(options, report) << "kept in " << report.kept;
  int fired = 0;
  for (const auto& [kind, count] : report.faults) {
    EXPECT_LE(count.fired, count.planned);
    fired += count.fired;
  }
  EXPECT_GE(fired, 15) << TableOf(options, report);
  for (const char* protocol : {"2pc", "3pc", "saga", "tcc"}) {
    const auto outcomes = report.transactions.find(protocol);
    ASSERT_NE(outcomes, report.transactions.end()) << protocol;
    EXPECT_TRUE(outcomes->second.contains("committed")) << protocol;
  }
  std::cout << TableOf(options, report);
}

// Nothing breaks but this, until the operator has done that.
ChaosOptions Until(const std::string& done, const PlannedFault& fault) {
  ChaosOptions options;
  options.length = 150s;
  options.every = 13'000ms;
  options.only = fault;
  options.enough = [done](const auto& did) { return did.contains(done); };
  options.bound = kPatience;
  options.progress = false;
  options.keep_in = TemporaryDirectory::DefaultParent();
  return options;
}

// Frozen sites can decide nothing, so it ends as it was forced.
TEST(Chaos, AForcedDecisionIsAcceptedAndHolds) {
  const ChaosOptions options =
      Until("forced: accepted",
            {.kind = FaultKind::kMajorityGone, .target = 0, .lasts = 2s, .detail = 1});
  const ChaosReport report = RunChaos(options);
  EXPECT_TRUE(report.held()) << TableOf(options, report) << "kept in " << report.kept;
  EXPECT_GT(report.faults.at(FaultKind::kMajorityGone).fired, 0);
  ASSERT_TRUE(report.operator_did.contains("forced: accepted")) << TableOf(options, report);
  EXPECT_EQ(report.operator_did.at("forced: shown as aborted"),
            report.operator_did.at("forced: accepted"));
}

// Sites that were not told to pre-commit, and are cut off, abort among themselves what is forced to
// commit: that is damage, shown as such, and nothing is lost.
TEST(Chaos, WhatSitesDecidedOtherwiseThanItWasForcedIsShownAsDamage) {
  const std::string damage = "forced: shown as heuristic-rollback";
  const ChaosOptions options =
      Until(damage, {.kind = FaultKind::kMajorityGone, .target = 2, .lasts = 12s, .detail = 0});
  const ChaosReport report = RunChaos(options);
  EXPECT_TRUE(report.held()) << TableOf(options, report) << "kept in " << report.kept;
  EXPECT_GT(report.faults.at(FaultKind::kMajorityGone).fired, 0);
  EXPECT_TRUE(report.operator_did.contains(damage)) << TableOf(options, report);
  EXPECT_EQ(report.lost, 0u);
  std::cout << TableOf(options, report);
}

// And once with a commit that is taken away behind everybody's back.
TEST(Chaos, ACommitThatIsLostIsFoundAndTheFilesAreKept) {
  const TemporaryDirectory kept;
  ChaosOptions options;
  options.length = 3s;
  options.every = 1'000ms;
  options.progress = false;
  options.keep_in = kept.path();
  std::string lost;
  options.sabotage = [&](Stage& stage) {
    lost = stage.cluster(0).Query(
        "bank_a",
        "DELETE FROM transfer WHERE gtid = (SELECT min(gtid) FROM transfer) RETURNING gtid");
  };
  const ChaosReport report = RunChaos(options);
  ASSERT_FALSE(lost.empty()) << "nothing was there to be lost";
  EXPECT_EQ(report.lost, 1u) << TableOf(options, report);
  EXPECT_THAT(report.violations,
              Contains(HasSubstr("durability: " + lost + " was told committed")));
  EXPECT_THAT(report.violations, Contains(HasSubstr("atomicity: " + lost)));
  EXPECT_THAT(report.violations, Contains(HasSubstr("ledger: a holds")));
  EXPECT_TRUE(std::filesystem::exists(report.kept + "/run/log/settle.db"));
  EXPECT_TRUE(std::filesystem::exists(report.kept + "/run/files/bank-c.db"));
  EXPECT_TRUE(std::filesystem::exists(report.kept + "/postgres-2/data/PG_VERSION"));
}

}  // namespace
}  // namespace settle::testing
