// settle-simulate as people and CI call it: exit codes, the last line, the transcript of a
// violation.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "simulation/faults.h"
#include "simulation/mutants.h"
#include "support/program_output.h"

namespace settle::simulation {
namespace {

struct Output : settle::testing::ProgramOutput {
  nlohmann::json last() const { return nlohmann::json::parse(lines.back()); }
};

Output Simulate(std::vector<std::string> arguments) {
  return {settle::testing::OutputOf("settle-simulate", std::move(arguments))};
}

TEST(SettleSimulate, ARunThatHoldsExitsWith0AndEndsWithOneJsonObject) {
  const Output output = Simulate({"--protocol", "2pc", "--seeds", "50", "--start", "7"});
  EXPECT_EQ(output.exit_code, 0);
  ASSERT_EQ(output.lines.size(), 1u) << output.text;
  const nlohmann::json last = output.last();
  EXPECT_EQ(last["protocol"], "2pc");
  EXPECT_EQ(last["seeds"], 50);
  EXPECT_EQ(last["start"], 7);
  EXPECT_EQ(last["violations"], 0);
  EXPECT_GT(last["events"], 1'000);
  EXPECT_GT(last["seeds_per_s"], 0);
  EXPECT_GT(last["faults_fired"]["message lost"], 0);
  EXPECT_EQ(last["faults_fired"].size(), FaultsOf(Protocol::kTwoPhase).size());
}

TEST(SettleSimulate, AViolationExitsWith1AndIsToldWithTheCommandThatReplaysIt) {
  const Output output = Simulate({"--seeds", "200", "--mutant", "decision-not-forced"});
  EXPECT_EQ(output.exit_code, 1);
  const nlohmann::json last = output.last();
  EXPECT_GT(last["violations"], 0);
  EXPECT_EQ(last["mutant"], "decision-not-forced");
  const std::string seed = std::to_string(last["violating_seeds"][0].get<std::uint64_t>());
  EXPECT_NE(output.text.find("seed " + seed + " violates:\n  durability: "), std::string::npos);
  EXPECT_NE(output.text.find(" ms  process-1 -> coordinator: "), std::string::npos);
  const std::string replay = "--seeds 1 --start " + seed + " --mutant decision-not-forced";
  EXPECT_NE(output.text.find(replay), std::string::npos);

  const Output again =
      Simulate({"--seeds", "1", "--start", seed, "--mutant", "decision-not-forced"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_EQ(again.last()["violations"], 1);
}

TEST(SettleSimulate, ListsMutantsOneALineWithWhatTheyDo) {
  const Output output = Simulate({"--list-mutants"});
  EXPECT_EQ(output.exit_code, 0);
  ASSERT_EQ(output.lines.size(), MutantsOf(Protocol::kTwoPhase).size());
  EXPECT_GE(MutantsOf(Protocol::kTwoPhase).size(), 10u);
  for (std::size_t i = 0; i < MutantsOf(Protocol::kTwoPhase).size(); ++i) {
    EXPECT_TRUE(
        output.lines[i].starts_with(std::string(MutantsOf(Protocol::kTwoPhase)[i].name) + " "));
    EXPECT_NE(output.lines[i].find(MutantsOf(Protocol::kTwoPhase)[i].what), std::string::npos);
  }
}

TEST(SettleSimulate, SaysWhichMutantsEscapedABudgetThatIsTooSmall) {
  const Output output = Simulate({"--mutant", "all", "--seeds", "1", "--tries", "1"});
  EXPECT_EQ(output.exit_code, 1);
  const nlohmann::json last = output.last();
  EXPECT_EQ(last["mutants"], MutantsOf(Protocol::kTwoPhase).size());
  EXPECT_GT(last["escaped"], 0);
  EXPECT_EQ(last["table"].size(), MutantsOf(Protocol::kTwoPhase).size());
  for (std::size_t i = 0; i < MutantsOf(Protocol::kTwoPhase).size(); ++i) {
    const nlohmann::json& row = last["table"][i];
    EXPECT_EQ(row["seeds_median"].is_null(), !row["caught"].get<bool>()) << row;
    const bool capped = output.lines[i + 1].find(" >1  ") != std::string::npos;
    EXPECT_EQ(capped, !row["caught"].get<bool>()) << output.lines[i + 1];
  }
}

TEST(SettleSimulate, CatchesEveryMutantWithTheBudgetItHasWhenNoneIsNamed) {
  const Output output = Simulate({"--mutant", "all", "--tries", "1"});
  EXPECT_EQ(output.exit_code, 0) << output.text;
  const nlohmann::json last = output.last();
  EXPECT_EQ(last["escaped"], 0);
  EXPECT_EQ(last["seeds_most"], 20'000);
  EXPECT_NE(Simulate({"--help"}).text.find("20000"), std::string::npos);
}

TEST(SettleSimulate, RunsSagasWithTheirOwnFaultsAndMutants) {
  const Output output = Simulate({"--protocol", "saga", "--seeds", "50"});
  EXPECT_EQ(output.exit_code, 0) << output.text;
  EXPECT_EQ(output.last()["protocol"], "saga");
  EXPECT_GT(output.last()["faults_fired"]["call came twice"], 0);
  EXPECT_FALSE(output.last()["faults_fired"].contains("operator's hand"));
  const Output caught =
      Simulate({"--protocol", "saga", "--seeds", "50", "--mutant", "only-known-done-compensated"});
  EXPECT_EQ(caught.exit_code, 1);
  EXPECT_NE(caught.text.find("replay it with: settle-simulate --protocol saga --seeds 1 --start"),
            std::string::npos);
  const Output list = Simulate({"--protocol", "saga", "--list-mutants"});
  ASSERT_EQ(list.lines.size(), MutantsOf(Protocol::kSaga).size());
  EXPECT_GE(list.lines.size(), 10u);
  EXPECT_TRUE(list.lines[0].starts_with("saga-begin-not-forced "));
}

TEST(SettleSimulate, WrongUsageExitsWith64AndSaysWhatIsWrong) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--protocol", "4pc"}, "it can be 2pc, 3pc, saga or tcc"},
      {{"--seeds", "many"}, "--seeds: \"many\" is not a whole number from 1 to"},
      {{"--seeds", "0"}, "--seeds: \"0\" is not"},
      {{"--seeds", "-1"}, "--seeds: \"-1\" is not"},
      {{"--seeds", "10 "}, "--seeds: \"10 \" is not"},
      {{"--seeds", ""}, "--seeds"},
      {{"--seeds=5", "--seeds=6"}, "more than once"},
      {{"--start", "18446744073709551615", "--seeds", "2"}, "--start: \"18446744073709551615\""},
      {{"--start", "-1"}, "--start: \"-1\" is not"},
      {{"--jobs", "0"}, "--jobs: \"0\" is not a whole number from 1 to 64"},
      {{"--jobs", "-4294967295"}, "--jobs"},
      {{"--mutant", "all", "--tries", "0"}, "--tries: \"0\" is not"},
      {{"--tries", "3"}, "--tries is for --mutant all"},
      {{"--mutant", ""}, "--mutant"},
      {{"stray"}, "too many positional options"},
      {{"--seeds", "1", "2"}, "too many positional options"},
      {{"--see", "3"}, "unrecognised option '--see'"},
      {{"-h"}, "too many positional options"},
      {{"--mutant", "none-such"}, "is not one of --list-mutants"},
      {{"--mutant", "aborting-not-forced"}, "of this protocol, but of --protocol saga"},
      {{"--frobnicate"}, "frobnicate"},
  };
  for (const auto& [arguments, word] : cases) {
    const Output output = Simulate(arguments);
    EXPECT_EQ(output.exit_code, 64) << output.text;
    EXPECT_NE(output.text.find(word), std::string::npos) << output.text;
  }
}

TEST(SettleSimulate, HelpNamesTheExitCodes) {
  const Output output = Simulate({"--help"});
  EXPECT_EQ(output.exit_code, 0);
  for (const char* word : {"--seeds", "--start", "--mutant", "--jobs", "64 wrong usage"})
    EXPECT_NE(output.text.find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace settle::simulation
