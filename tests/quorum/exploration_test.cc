// Every order, loss and repetition of messages among three sites, with their first coordinator and
// recovery rounds, and every crash that loses what was not forced, until no new state is found:
// nobody ever decides otherwise than another, and any majority ends it. Then with each omission,
// which splits it; the shortest way there is kept in scripts/.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "quorum_world.h"
#include "vocabulary/planted_bug.h"

namespace settle::quorum {
namespace {

constexpr const char* kScripts = SETTLE_QUORUM_SCRIPTS;

struct Explored {
  std::size_t states = 0;
  std::vector<std::string> way;  // to what is wrong; empty: nothing is
  std::string wrong;
};

using Check = std::function<std::string(const World&)>;

// Breadth first, so that the way is a shortest one.
Explored Explore(const Setting& setting, const Check& wrong) {
  struct Step {
    std::size_t from = 0;
    std::string choice;
  };
  std::vector<Step> steps{{}};
  std::deque<std::pair<std::size_t, World>> queue;
  std::unordered_set<std::string> seen;
  queue.emplace_back(0, World(setting));
  seen.insert(queue.front().second.Key());
  Explored explored;
  while (!queue.empty()) {
    const auto [at, world] = std::move(queue.front());
    queue.pop_front();
    ++explored.states;
    explored.wrong = wrong(world);
    if (!explored.wrong.empty()) {
      for (std::size_t step = at; step != 0; step = steps[step].from)
        explored.way.insert(explored.way.begin(), steps[step].choice);
      return explored;
    }
    for (std::string& choice : world.Choices()) {
      World next = world;
      next.Do(choice);
      if (!seen.insert(next.Key()).second) continue;
      steps.push_back({at, std::move(choice)});
      queue.emplace_back(steps.size() - 1, std::move(next));
    }
  }
  return explored;
}

std::string ScriptOf(const Setting& setting, const Explored& explored) {
  World world(setting);
  std::string script = "  " + world.Describe() + "\n";
  for (const std::string& choice : explored.way) {
    world.Do(choice);
    script += choice + "\n  " + world.Describe() + "\n";
  }
  return script + "# Split: " + explored.wrong + ".\n";
}

const Setting kThreeBranches{{1, 2, 3}, {{2, 1}, {2, 2}}};
const Setting kWitness{{0, 1, 2}, {{2, 0}, {2, 1}}};

std::string Disagreement(const World& world) { return world.broken(); }

void ExpectAgreementAndProgress(const Setting& setting) {
  const std::vector<BranchNumber>& sites = setting.sites;
  const Explored explored = Explore(setting, [&](const World& world) {
    std::string wrong = world.broken();
    for (std::size_t left_out = 0; left_out < sites.size() && wrong.empty(); ++left_out) {
      std::vector<BranchNumber> majority = sites;
      majority.erase(majority.begin() + static_cast<long>(left_out));
      wrong = world.EndsAmong(majority);
    }
    for (std::size_t alone = 0; alone < sites.size() && wrong.empty(); ++alone)
      wrong = world.WaitsAlone(sites[alone]);
    return wrong;
  });
  EXPECT_EQ(explored.wrong, "") << ScriptOf(setting, explored);
  EXPECT_GT(explored.states, 100'000u) << "the exploration is not exploring";
  testing::Test::RecordProperty("states", static_cast<int>(explored.states));
}

TEST(QuorumExploration, M11_ThreeBranchesNeverSplitAndAnyTwoOfThemEndIt) {
  ExpectAgreementAndProgress(kThreeBranches);
}

TEST(QuorumExploration, M11_TwoBranchesAndTheWitnessNeverSplitAndAnyTwoOfThemEndIt) {
  ExpectAgreementAndProgress(kWitness);
}

struct Case {
  const char* name;
  const char* what;  // is left out
  PlantedBug bug = PlantedBug::kNone;
  Omission omission = Omission::kNone;
  bool witness = false;
};

class Omitted : public testing::TestWithParam<Case> {
 protected:
  Omitted() { planted_bug = GetParam().bug; }
  ~Omitted() override { planted_bug = PlantedBug::kNone; }
};

TEST_P(Omitted, SplitsItInTheShortestWayThatIsWrittenDown) {
  Setting setting = GetParam().witness ? kWitness : kThreeBranches;
  setting.omission = GetParam().omission;
  // The same ballot twice is enough.
  if (setting.omission == Omission::kLeadsWithoutItsOwnRecord) setting.recoveries.resize(1);
  const Explored explored = Explore(setting, Disagreement);
  ASSERT_NE(explored.wrong, "") << "nobody noticed in " << explored.states << " states";
  const std::filesystem::path path =
      std::filesystem::path(kScripts) / (std::string(GetParam().name) + ".script");
  const std::string script =
      std::string("# Left out: ") + GetParam().what + ".\n" + ScriptOf(setting, explored);
  if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(path) << script;
    return;
  }
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  EXPECT_EQ(script, written.str()) << path << ": write it down with SETTLE_REWRITE_SCRIPTS=1";
}

INSTANTIATE_TEST_SUITE_P(
    M11, Omitted,
    testing::Values(
        Case{"ballots_not_compared", "a site joins and accepts whatever comes last",
             PlantedBug::kBallotsNotCompared},
        Case{"election_not_forced", "a site forgets in a crash which election it joined",
             PlantedBug::kElectionNotForced},
        Case{"attempt_not_forced", "a site forgets in a crash what it accepted",
             PlantedBug::kAttemptNotForced},
        Case{"pre_commit_forgotten",
             "the first coordinator forgets in a crash that it sent pre-commit", PlantedBug::kNone,
             Omission::kForgetsThatItPreCommitted},
        Case{"aborts_alone_in_w", "a site that waits aborts alone, on its timer", PlantedBug::kNone,
             Omission::kAbortsAloneInW},
        Case{"recovers_without_quorum", "whoever can be reached is enough for a recovery round",
             PlantedBug::kRecoversWithoutQuorum},
        Case{"any_pre_commit_taken_for_the_latest",
             "one pre-commit decides what is tried, however old",
             PlantedBug::kAnyPreCommitTakenForTheLatest},
        Case{"elected_before_its_vote_keeps_nothing",
             "a site elected before its vote answers that it aborted, and keeps nothing",
             PlantedBug::kElectedBeforeItsVoteKeepsNothing},
        Case{"leads_without_its_own_record",
             "two processes of a site lead the same ballot, for its record did not take it first",
             PlantedBug::kNone, Omission::kLeadsWithoutItsOwnRecord},
        Case{"coordinator_reuses_its_ballot",
             "a coordinator that comes back leads a ballot that it led before", PlantedBug::kNone,
             Omission::kReusesItsBallot, true},
        Case{"witness_answers_before_it_is_durable",
             "the witness answers before what it joined or accepted is durable", PlantedBug::kNone,
             Omission::kAnswersBeforeItIsDurable, true}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace settle::quorum
