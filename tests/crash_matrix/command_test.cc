// settle-crash-matrix as people and CI call it: exit codes, and what is refused.
#include <gtest/gtest.h>

#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/program_output.h"

namespace settle::crash_matrix {
namespace {

using settle::testing::OutputOf;
using settle::testing::ProgramOutput;

TEST(SettleCrashMatrix, AScenarioThatHoldsExitsWith0AndItsLastLineCounts) {
  const ProgramOutput output =
      OutputOf("settle-crash-matrix", {"--scenario", "one-phase", "--databases", "mixed"});
  EXPECT_EQ(output.exit_code, 0);
  ASSERT_EQ(output.lines.size(), 1u) << output.text;
  EXPECT_TRUE(output.text.starts_with("1 scenarios, 1 cells, ")) << output.text;
  EXPECT_NE(output.text.find(" 0 violations"), std::string::npos) << output.text;
}

std::size_t PlaysOf(const ProgramOutput& output) {
  const std::size_t end = output.text.find(" plays with ");
  const std::size_t begin = output.text.rfind(' ', end - 1);
  return std::stoul(output.text.substr(begin + 1, end - begin - 1));
}

TEST(SettleCrashMatrix, SampledPlaysFewerCrashesOfRecoveries) {
  const std::vector<std::string> all{"--scenario", "one-phase", "--databases", "mixed"};
  std::vector<std::string> sampled = all;
  sampled.push_back("--sampled");
  const std::size_t plays = PlaysOf(OutputOf("settle-crash-matrix", sampled));
  EXPECT_GT(plays, 100u);  // the first crashes are all there
  EXPECT_LT(plays, PlaysOf(OutputOf("settle-crash-matrix", all)));
}

// What follows `start` in each line that has it.
std::vector<std::string> LinesAfter(const std::string& start, const ProgramOutput& output) {
  std::vector<std::string> rests;
  for (const std::string& line : output.lines) {
    if (line.starts_with(start)) rests.push_back(line.substr(start.size()));
  }
  return rests;
}

std::vector<std::string> WordsOf(const std::string& line) {
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
}

// With the scenario's own delays this bug does not show in these plays.
TEST(SettleCrashMatrix, TheCommandsThatArePrintedWithViolationsViolateTheSameAgain) {
  const ProgramOutput output = OutputOf(
      "settle-crash-matrix",
      {"--scenario", "commit-there", "--timing", "5", "--mutant", "end-before-the-last-ack"});
  EXPECT_EQ(output.exit_code, 1);
  const auto replays = LinesAfter("replay it with: settle-crash-matrix ", output);
  ASSERT_FALSE(replays.empty()) << output.text;
  std::vector<std::string> violations;
  for (const std::string& replay : replays) {
    const ProgramOutput again = OutputOf("settle-crash-matrix", WordsOf(replay));
    EXPECT_EQ(again.exit_code, 1) << replay << '\n' << again.text;
    for (std::string& one : LinesAfter("violates: ", again)) violations.push_back(std::move(one));
  }
  EXPECT_EQ(violations, LinesAfter("violates: ", output));
}

TEST(SettleCrashMatrix, WrongUsageExitsWith64AndSaysWhatIsWrong) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"one-phase"}, "too many positional options"},
      {{"--scenario", "one-phase", "stray"}, "too many positional options"},
      {{"--scen", "one-phase"}, "unrecognised option '--scen'"},
      {{"--scenario", "none-such"}, "no scenario is called \"none-such\""},
      {{"--scenario", ""}, "no scenario is called \"\""},
      {{"--databases", "oracle"}, "not \"oracle\""},
      {{"--databases", ""}, "--databases"},
      {{"--timing", "-1"}, "--timing: \"-1\" is not a whole number"},
      {{"--mutant", "none-such"}, "no mutant is called \"none-such\""},
      {{"--crash", "coordinator:0:soon"}, "--crash coordinator:0:soon is not ACTOR:STEP"},
  };
  for (const auto& [arguments, words] : cases) {
    const ProgramOutput output = OutputOf("settle-crash-matrix", arguments);
    EXPECT_EQ(output.exit_code, 64) << output.text;
    EXPECT_NE(output.text.find(words), std::string::npos) << output.text;
  }
}

}  // namespace
}  // namespace settle::crash_matrix
