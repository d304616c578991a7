#include "action/answer_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace settle::sdk {
namespace {

constexpr std::size_t kResultMost = 64 * 1024;
constexpr int kDepthMost = 64;  // the coordinator's
constexpr std::int64_t kPollLeastMs = 1;
constexpr std::int64_t kPollMostMs = 86'400'000;

Answer NotTaken(const std::string& why) { return {AnswerKind::kUnknown, "its result " + why, 0}; }

// Of text that is JSON.
bool IsTooDeep(const std::string& json) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size() && depth <= kDepthMost; ++i) {
    const char c = json[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    }
  }
  return depth > kDepthMost;
}

}  // namespace

Answer CheckedAnswer(Answer answer) {
  switch (answer.kind) {
    case AnswerKind::kDone:
      if (answer.text.size() > kResultMost) {
        return NotTaken("has " + std::to_string(answer.text.size()) + " bytes, at most " +
                        std::to_string(kResultMost) + " are allowed");
      }
      // Reads without building anything, so that no depth of nesting can overflow the stack.
      if (!answer.text.empty() && !nlohmann::json::accept(answer.text)) {
        return NotTaken("is not JSON");
      }
      if (IsTooDeep(answer.text)) {
        return NotTaken("is nested deeper than " + std::to_string(kDepthMost) + " levels");
      }
      return {AnswerKind::kDone, std::move(answer.text), 0};
    case AnswerKind::kOngoing:
      answer.poll_after_ms = std::clamp(answer.poll_after_ms, kPollLeastMs, kPollMostMs);
      return answer;
    case AnswerKind::kFailed:
    case AnswerKind::kUnknown:
    case AnswerKind::kSuppressed: return {answer.kind, std::move(answer.text), 0};
  }
  return {AnswerKind::kUnknown,
          "the handler answered with the kind " + std::to_string(static_cast<int>(answer.kind)), 0};
}

}  // namespace settle::sdk
