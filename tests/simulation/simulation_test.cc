// What the simulator itself must do: the same seed is the same run, every kind of fault really
// happens, every planted bug is found.
#include "simulation/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "simulation/campaign.h"
#include "vocabulary/assertion.h"

namespace settle::simulation {
namespace {

TEST(Simulation, TheSameSeedGivesTheSameTranscriptTwice) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SeedResult first = RunSeed(Protocol::kTwoPhase, seed, World::Telling::kTranscript);
    const SeedResult second = RunSeed(Protocol::kTwoPhase, seed, World::Telling::kTranscript);
    EXPECT_GT(first.transcript.size(), 20u);
    EXPECT_EQ(first.transcript, second.transcript) << "seed " << seed;
  }
}

// Otherwise the transcript of a violation would tell another story.
TEST(Simulation, WritingTheTranscriptChangesNothing) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const SeedResult silent = RunSeed(Protocol::kTwoPhase, seed);
    const SeedResult told = RunSeed(Protocol::kTwoPhase, seed, World::Telling::kTranscript);
    EXPECT_TRUE(silent.transcript.empty());
    EXPECT_EQ(silent.events, told.events) << "seed " << seed;
    EXPECT_EQ(silent.faults, told.faults) << "seed " << seed;
    EXPECT_EQ(silent.settled_after, told.settled_after) << "seed " << seed;
  }
}

TEST(SimulationDeathTest, AnAssertionThatDoesNotHoldIsToldWithItsSeedAndTranscript) {
  const auto tell = [](std::uint64_t seed, const std::vector<std::string>& transcript) {
    std::cerr << "seed " << seed << (transcript.size() > 20 ? " with its transcript" : "");
  };
  EXPECT_EXIT(
      {
        OnAssertion(tell);
        RunSeed(Protocol::kTwoPhase, 7, World::Telling::kTranscript,
                [] { AssertionFailed("a fact", "file", 1, "state"); });
      },
      testing::ExitedWithCode(1), "a defect(.|\n)*seed 7 with its transcript");
}

TEST(Simulation, ThreadsChangeNothing) {
  const Campaign one = RunSeeds({.start = 100, .seeds = 200, .jobs = 1});
  const Campaign four = RunSeeds({.start = 100, .seeds = 200, .jobs = 4});
  EXPECT_EQ(one.seeds, 200u);
  EXPECT_EQ(four.seeds, 200u);
  EXPECT_EQ(one.events, four.events);
  EXPECT_EQ(one.faults, four.faults);
}

TEST(Simulation, AFewThousandSeedsViolateNothingAndEveryKindOfFaultFires) {
  const Campaign campaign = RunSeeds({.start = 1'000'000, .seeds = 5'000});
  EXPECT_THAT(campaign.violating, testing::IsEmpty());
  EXPECT_GT(campaign.transactions, 20'000u);
  for (const Fault kind : FaultsOf(Protocol::kTwoPhase))
    EXPECT_GT(campaign.faults[static_cast<std::size_t>(kind)], 0u) << ToString(kind);
}

class Planted : public testing::TestWithParam<Mutant> {};

TEST_P(Planted, IsFound) {
  constexpr std::uint64_t kBudget = 10'000;  // many times what any of them needs
  const Catch result = Try(GetParam(), 1, {.start = 1, .seeds = kBudget});
  EXPECT_EQ(result.caught, 1u) << GetParam().name << ": " << GetParam().what
                               << ", and nobody noticed in " << kBudget << " seeds";
  EXPECT_EQ(planted_bug, PlantedBug::kNone);
}

std::string NameOf(const testing::TestParamInfo<Mutant>& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Bug, Planted, testing::ValuesIn(Mutants()), NameOf);

TEST(Mutants, HaveNamesOfTheirOwnAndPlantBugsOfTheirOwn) {
  std::set<std::string_view> names;
  std::set<PlantedBug> bugs;
  for (const Mutant& mutant : Mutants()) {
    EXPECT_TRUE(names.insert(mutant.name).second) << mutant.name;
    EXPECT_TRUE(bugs.insert(mutant.bug).second) << mutant.name;
    EXPECT_NE(mutant.bug, PlantedBug::kNone);
    EXPECT_EQ(FindMutant(mutant.name), &mutant);
    EXPECT_EQ(FindMutant(mutant.bug), &mutant);
  }
  EXPECT_EQ(FindMutant("no-such-mutant"), nullptr);
  EXPECT_EQ(FindMutant(PlantedBug::kNone), nullptr);
}

}  // namespace
}  // namespace settle::simulation
