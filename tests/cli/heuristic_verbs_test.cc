// What a person decides, as it is typed and as it is shown.
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

wire::TransactionView Forced() {
  wire::TransactionView view = Committing();
  wire::HeuristicView act;
  act.act = "force";
  act.to = "commit";
  act.operator_name = "an\x1b[31mn";
  act.reason = "both banks agreed";
  act.at_us = kBegan_us;
  act.branches = {1, 2};
  view.__set_heuristic({act});
  return view;
}

TEST_F(Verbs, HeuristicSendsWhatAPersonDecided) {
  admin_.transaction = Forced();
  const Printed printed = Run({"resolve", kGtid, "commit", "--heuristic", "--reason", "x"});
  EXPECT_EQ(printed.exit, ExitCode::kOk) << printed.err;
  EXPECT_THAT(printed.out, AllOf(HasSubstr("is recorded, and is being done"),
                                 HasSubstr("forced to commit, by an\\x1b[31mn"),
                                 HasSubstr("both banks agreed")));
  ASSERT_EQ(admin_.resolves.size(), 1u);
  EXPECT_TRUE(admin_.resolves[0].heuristic);
  EXPECT_FALSE(admin_.resolves[0].dry_run);

  Run({"resolve", kGtid, "aborted", "--branch", "2", "--heuristic", "--reason", "x"});
  EXPECT_EQ(admin_.resolves.at(1).branch, 2);
  EXPECT_EQ(admin_.resolves.at(1).to, "aborted");

  const std::string name = "settle:" + std::string(kGtid) + ":2";
  Run({"resolve", "--resource", "bank-a", "--prepared", name, "abort", "--heuristic", "--reason",
       "x"});
  EXPECT_EQ(admin_.resolves.at(2).resource, "bank-a");
  EXPECT_EQ(admin_.resolves.at(2).prepared, name);
  EXPECT_EQ(admin_.resolves.at(2).gtid, "");
  EXPECT_EQ(RunJson({"show", kGtid})["heuristic"][0]["operator"], "an\x1b[31mn");
}

TEST_F(Verbs, HeuristicThatIsNotSaidInFullSendsNothing) {
  const std::vector<std::vector<std::string>> wrong{
      {kGtid, "committed", "--branch", "1"},
      {kGtid, "commit", "--branch", "1", "--heuristic"},
      {kGtid, "committed", "--heuristic"},
      {kGtid, "committed", "--branch", "0", "--heuristic"},
      {kGtid, "committed", "--branch", "x", "--heuristic"},
      {"commit", "--heuristic"},
      {"commit", "--resource", "bank-a", "--prepared", "p"},
      {"commit", "--resource", "bank-a", "--heuristic"},
      {"commit", "--prepared", "p", "--heuristic"},
      {kGtid, "commit", "--prepared", "p", "--heuristic"}};
  for (std::vector<std::string> words : wrong) {
    words.insert(words.begin(), {"resolve", "--reason", "x"});
    EXPECT_EQ(Run(words).exit, ExitCode::kUsage) << ::testing::PrintToString(words);
  }
  EXPECT_THAT(admin_.resolves, IsEmpty());
}

TEST_F(Verbs, ADryRunSaysWhatWouldBeDone) {
  admin_.transaction = Committing();
  admin_.transaction.__set_would("it would do this");
  const std::vector<std::vector<std::string>> all{
      {"resolve", kGtid, "abort", "--reason", "x", "--dry-run"},
      {"forget", kGtid, "--reason", "x", "--dry-run"}};
  for (const std::vector<std::string>& words : all) {
    const Printed printed = Run(words);
    EXPECT_EQ(printed.exit, ExitCode::kOk) << printed.err;
    EXPECT_THAT(printed.out, AllOf(HasSubstr("nothing was done"), HasSubstr("it would do this\n")));
    EXPECT_EQ(RunJson(words)["would"], "it would do this");
  }
  EXPECT_TRUE(admin_.resolves.at(0).dry_run);
  EXPECT_TRUE(admin_.forgets.at(0).dry_run);
  EXPECT_THAT(Run({"retry", "--all", "--dry-run"}).out, HasSubstr("nothing"));
}

}  // namespace
}  // namespace settle::cli
