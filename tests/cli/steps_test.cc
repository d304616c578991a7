// The steps of a saga as a tree.
#include "cli/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace settle::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kNow_us = 1'700'000'000'000'000;

class Steps : public ::testing::Test {
 protected:
  wire::StepView& Add(const std::string& name, std::vector<std::int32_t> after,
                      const std::string& state = "waiting") {
    wire::StepView step;
    step.step = static_cast<std::int32_t>(saga_.saga.steps.size()) + 1;
    step.name = name;
    step.action = "do";
    step.kind = "compensatable";
    step.after = std::move(after);
    step.called_us = step.changed_us = 0;
    wire::BranchView branch;
    branch.branch = step.step;
    branch.resource = "airline";
    branch.state = state;
    branch.attempts = 1;
    saga_.branches.push_back(branch);
    saga_.saga.steps.push_back(step);
    return saga_.saga.steps.back();
  }
  std::string Text() const { return StepsText(saga_, kNow_us, Paint{}); }
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    const std::string text = Text();
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t end = text.find('\n', from);
      lines.push_back(text.substr(from, end - from));
      from = end + 1;
    }
    return lines;
  }

  wire::TransactionView saga_;
};

TEST_F(Steps, EachStandsUnderTheOneThatItWaitsForAndThatComesLast) {
  Add("flight", {}, "done").changed_us = kNow_us - 3'000'000;
  Add("hotel", {});
  Add("payment", {1, 2}).kind = "pivot";
  Add("ticket", {3, 1});
  const std::vector<std::string> lines = Lines();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THAT(lines[0], StartsWith("STEP"));
  EXPECT_THAT(lines[1], ::testing::AllOf(StartsWith("1 flight "), HasSubstr("done for 3 s")));
  EXPECT_THAT(lines[2], StartsWith("└ 3 payment, pivot, after 1 2"));
  EXPECT_THAT(lines[3], StartsWith("  └ 4 ticket, after 3 1"));
  EXPECT_THAT(lines[4], StartsWith("2 hotel "));
}

TEST_F(Steps, ResultsFollow) {
  Add("flight", {}).__set_result("{\"seat\": \"7\x1b\"}");
  EXPECT_THAT(Text(), HasSubstr("RESULTS\nflight  {\"seat\": \"7\\x1b\"}\n"));
}

TEST_F(Steps, A03_WhateverAPeerSentIsDrawnAndEscaped) {
  Add("a\x1b[2J", {1, 99, 2});
  Add("b", {1});
  saga_.branches.pop_back();
  for (int i = 0; i < 5'000; ++i) Add("c", {static_cast<std::int32_t>(i) + 2});
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("1 a\\x1b[2J"));
  EXPECT_THAT(text, HasSubstr("2 b"));
}

}  // namespace
}  // namespace settle::cli
