#include "engine/answers.h"

#include <cstddef>
#include <string>

#include "saga_definition/json_text.h"

namespace settle::coordinator {
namespace {

constexpr std::size_t kReasonMax = 1000;       // bytes of what a participant says of itself
constexpr std::size_t kResultMax = 64 * 1024;  // bytes; the log stores no longer text

}  // namespace

Answer Sane(Answer answer) {
  if (answer.kind != AnswerKind::kDone) {
    if (answer.text.size() > kReasonMax) answer.text.resize(kReasonMax);
    return answer;
  }
  if (answer.text.size() > kResultMax) {
    return {AnswerKind::kUnknown,
            "its result has " + std::to_string(answer.text.size()) + " bytes, at most " +
                std::to_string(kResultMax) + " are allowed",
            0};
  }
  if (const auto json = saga::ParseJson(answer.text); !answer.text.empty() && !json) {
    return {AnswerKind::kUnknown, "its result: " + json.error().message, 0};
  }
  return answer;
}

}  // namespace settle::coordinator
