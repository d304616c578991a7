// A result that the SDK lets through, which may be committed then, is one that the coordinator
// takes; else the step could never end.
#include "action/answer_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "saga_definition/json_text.h"

namespace settle::sdk {
namespace {

std::string Nested(std::size_t levels, const std::string& inside = "") {
  return std::string(levels, '[') + inside + std::string(levels, ']');
}

TEST(AnswerCheck, TakesWhatTheCoordinatorReadsAndNothingElse) {
  const std::size_t most = coordinator::saga::kJsonDepthMax;
  const std::vector<std::string> results{"null",
                                         "7",
                                         "\"text\"",
                                         "{}",
                                         "[1, 2]",
                                         "{\"a\": {\"b\": [true]}}",
                                         Nested(most),
                                         Nested(most + 1),
                                         Nested(most, "\"[[[\\\"[[{\""),
                                         Nested(most - 1, "{\"[\": \"\\\\\"}"),
                                         Nested(most - 1, "{\"[\": []}"),
                                         Nested(20'000),
                                         std::string(20'000, '['),
                                         "",
                                         " ",
                                         "seat 12A",
                                         "{\"a\": 1,}",
                                         "{'a': 1}",
                                         "[1] [2]",
                                         "1e999",
                                         "nan",
                                         "\"\xff\"",
                                         "\"\\ud800\"",
                                         "\xEF\xBB\xBF{}",
                                         std::string("\"\0\"", 3),
                                         "// comment\n1"};
  int taken = 0;
  for (const std::string& result : results) {
    const bool read = result.empty() || coordinator::saga::ParseJson(result).has_value();
    const Answer answer = CheckedAnswer({AnswerKind::kDone, result, 0});
    EXPECT_EQ(answer.kind, read ? AnswerKind::kDone : AnswerKind::kUnknown)
        << result.substr(0, 100) << ": " << answer.text;
    taken += read ? 1 : 0;
  }
  EXPECT_GE(taken, 10);
  EXPECT_GE(static_cast<int>(results.size()) - taken, 10);
}

TEST(AnswerCheck, AnAnswerOfAKindThatDoesNotExistIsUnknown) {
  EXPECT_EQ(CheckedAnswer({static_cast<AnswerKind>(9), "", 0}).kind, AnswerKind::kUnknown);
}

}  // namespace
}  // namespace settle::sdk
