// Walks of a three-phase commit through orders of events that nobody thought of: first with faults,
// when nothing may ever split, then healed, when everything must end. A walk that breaks a rule
// prints its seed and what happened in it.
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "protocol/three_phase_world.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

constexpr unsigned kWalks = 3'000;  // of each number of branches
constexpr int kSteps = 150;

std::string TrailOf(const ThreePhaseWorld& world, unsigned seed) {
  std::string text = "seed " + std::to_string(seed) + "\n";
  for (const std::string& line : world.trail()) text += line + "\n";
  return text;
}

// What broke, if anything did.
std::string Walk(ThreePhaseWorld& world, unsigned seed) {
  for (int step = 0; step < kSteps && world.broken().empty(); ++step) world.StepWithFaults();
  if (!world.broken().empty()) return world.broken();
  world.Heal(seed % 3 != 0);
  const bool ends = world.CanEnd();
  if (!world.broken().empty()) return world.broken();
  return ends ? "" : "it does not end";
}

class ThreePhaseWalk : public testing::TestWithParam<BranchNumber> {};

TEST_P(ThreePhaseWalk, M10_M11_NothingSplitsAndAConnectedMajorityAlwaysEnds) {
  ThreePhaseWorld::Counts all;
  int committed = 0;
  int aborted = 0;
  for (unsigned seed = 0; seed < kWalks; ++seed) {
    ThreePhaseWorld world(GetParam(), seed);
    ASSERT_EQ(Walk(world, seed), "") << TrailOf(world, seed);
    (world.StateOf(1) == SiteState::kCommitted ? committed : aborted) += 1;
    all.crashes += world.counts().crashes;
    all.restored += world.counts().restored;
    all.refused += world.counts().refused;
    all.site_rounds += world.counts().site_rounds;
    all.decided_by_sites += world.counts().decided_by_sites;
  }
  // Every fault fired, and both endings were seen.
  EXPECT_GT(all.crashes, 1'000);
  EXPECT_GT(all.restored, 100);
  EXPECT_GT(all.refused, 100);
  EXPECT_GT(all.site_rounds, 1'000);
  EXPECT_GT(all.decided_by_sites, 10);
  EXPECT_GT(committed, 100);
  EXPECT_GT(aborted, 100);
}

INSTANTIATE_TEST_SUITE_P(Branches, ThreePhaseWalk, testing::Values(1, 2, 3, 4, 5),
                         [](const auto& test) { return std::to_string(test.param); });

struct Mutant {
  PlantedBug bug;
  const char* name;
};
void PrintTo(const Mutant& mutant, std::ostream* out) { *out << mutant.name; }

class ThreePhaseMutant : public testing::TestWithParam<Mutant> {
 protected:
  void TearDown() override { planted_bug = PlantedBug::kNone; }
};

TEST_P(ThreePhaseMutant, M11_IsCaught) {
  planted_bug = GetParam().bug;
  for (unsigned seed = 0; seed < 20 * kWalks; ++seed) {
    ThreePhaseWorld world(2 + seed % 4, seed);
    const std::string broken = Walk(world, seed);
    if (broken.empty()) continue;
    RecordProperty("seed", static_cast<int>(seed));
    RecordProperty("broken", broken);
    std::cout << "caught by walk " << seed << ": " << broken << "\n";
    return;
  }
  FAIL() << "no walk catches it";
}

INSTANTIATE_TEST_SUITE_P(
    EachOmission, ThreePhaseMutant,
    testing::Values(Mutant{PlantedBug::kPreCommitNotRecorded, "PreCommitNotRecorded"},
                    Mutant{PlantedBug::kPreCommitNotForced, "PreCommitNotForced"},
                    Mutant{PlantedBug::kOwnBallotNotForced, "OwnBallotNotForced"},
                    Mutant{PlantedBug::kWitnessAnswersBeforeDurable, "WitnessAnswersBeforeDurable"},
                    Mutant{PlantedBug::kAbortsAloneAfterPreCommit, "AbortsAloneAfterPreCommit"},
                    Mutant{PlantedBug::kBallotsNotCompared, "BallotsNotCompared"},
                    Mutant{PlantedBug::kRecoversWithoutQuorum, "RecoversWithoutQuorum"},
                    Mutant{PlantedBug::kAnyPreCommitTakenForTheLatest,
                           "AnyPreCommitTakenForTheLatest"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace settle::coordinator
