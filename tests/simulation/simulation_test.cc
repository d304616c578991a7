// What the simulator itself must do: the same seed is the same run, every kind of fault really
// happens, every planted bug is found.
#include "simulation/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "simulation/campaign.h"
#include "simulation/run.h"
#include "vocabulary/assertion.h"

namespace settle::simulation {
namespace {

class EveryProtocol : public testing::TestWithParam<Protocol> {};

TEST_P(EveryProtocol, TheSameSeedGivesTheSameTranscriptTwice) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SeedResult first = RunSeed(GetParam(), seed, World::Telling::kTranscript);
    const SeedResult second = RunSeed(GetParam(), seed, World::Telling::kTranscript);
    EXPECT_GT(first.transcript.size(), 20u);
    EXPECT_EQ(first.transcript, second.transcript) << "seed " << seed;
  }
}

// Otherwise the transcript of a violation would tell another story.
TEST_P(EveryProtocol, WritingTheTranscriptChangesNothing) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const SeedResult silent = RunSeed(GetParam(), seed);
    const SeedResult told = RunSeed(GetParam(), seed, World::Telling::kTranscript);
    EXPECT_TRUE(silent.transcript.empty());
    EXPECT_EQ(silent.events, told.events) << "seed " << seed;
    EXPECT_EQ(silent.faults, told.faults) << "seed " << seed;
    EXPECT_EQ(silent.settled_after, told.settled_after) << "seed " << seed;
  }
}

TEST_P(EveryProtocol, ThreadsChangeNothing) {
  const Range range{.protocol = GetParam(), .start = 100, .seeds = 200};
  Range four = range;
  four.jobs = 4;
  const Campaign one_job = RunSeeds(range);
  const Campaign four_jobs = RunSeeds(four);
  EXPECT_EQ(one_job.seeds, 200u);
  EXPECT_EQ(four_jobs.seeds, 200u);
  EXPECT_EQ(one_job.events, four_jobs.events);
  EXPECT_EQ(one_job.faults, four_jobs.faults);
}

TEST_P(EveryProtocol, AFewThousandSeedsViolateNothingAndEveryKindOfFaultFires) {
  const Campaign campaign = RunSeeds({.protocol = GetParam(), .start = 1'000'000, .seeds = 5'000});
  EXPECT_THAT(campaign.violating, testing::IsEmpty());
  EXPECT_GT(campaign.transactions, 10'000u);
  for (const Fault kind : FaultsOf(GetParam()))
    EXPECT_GT(campaign.faults[static_cast<std::size_t>(kind)], 0u) << ToString(kind);
}

INSTANTIATE_TEST_SUITE_P(Simulation, EveryProtocol, testing::ValuesIn(kProtocols),
                         [](const auto& info) {
                           // No test's name starts with a digit.
                           return std::string("Of_") + ToString(info.param);
                         });

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

class NobodysAdversary : public Adversary {
 public:
  using Adversary::Adversary;

 private:
  void BeginOwn() override {}
  void HealOwn() override {}
};

// A smooth world without processes that comes to its end so long after it healed.
class LateRun : public Run {
 public:
  explicit LateRun(microseconds after) : Run(1, World::Telling::kNothing), after_(after) {
    world_.roughness = {};
    Tick();
  }

 private:
  Adversary& adversary() override { return adversary_; }
  std::vector<Caller*> processes() override { return {}; }
  void BeginWork(microseconds) override {}
  void BeforeHealing() override { healed_ = world_.now(); }
  bool Ended() override { return world_.now() >= healed_ + after_; }
  std::vector<Gtid> Begun() override { return {}; }
  void Said(const Gtid&, const Ending&) override {}
  std::vector<std::string> FindViolations() override {
    return Ended() ? std::vector<std::string>() : std::vector<std::string>{"it has not ended"};
  }
  void Tick() {
    world_.After(microseconds(10'000), [this] { Tick(); });
  }

  const microseconds after_;
  Instant healed_{};
  NobodysAdversary adversary_{world_, coordinator_, disk_};
};

TEST(HealedBound, IsNotGivenTwice) {
  EXPECT_THAT(LateRun(kHealedBound / 2).Play({}).violations, testing::IsEmpty());
  EXPECT_THAT(LateRun(kHealedBound * 3 / 2).Play({}).violations,
              testing::ElementsAre("it has not ended"));
}

class Planted : public testing::TestWithParam<Mutant> {};

TEST_P(Planted, IsFound) {
  constexpr std::uint64_t kBudget = 100'000;  // the rarest shows in one of 12,000 seeds
  const Catch result =
      Try(GetParam(), 1, {.protocol = GetParam().protocol, .start = 1, .seeds = kBudget});
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
