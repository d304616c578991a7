// Questions to processes that serve resources: how a branch is in its database now,
// whether a database is fit for what Settle promises. They are asked for a person, travel beside
// the commands, hold up none of them, and decide nothing; nothing of them is written down.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/live.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

struct Question {
  enum class Kind { kInspect, kExamine };
  Kind kind = Kind::kExamine;
  std::string resource;
  std::chrono::milliseconds timeout{2'000};  // for the answer; to a tenth of a second or so
  BranchKey key{};                           // of kInspect
  Evidence evidence{};                       // of kInspect
  std::string preferred{};                   // process to ask if it serves the resource
  std::int64_t number = 0;                   // given by the sessions; unique in this log
};

// kInspect: a LiveBranch; kExamine: an Examination. An error: the process cannot say, in its own
// words.
using AnswerContent = std::variant<LiveBranch, Examination>;
struct AnswerReport {
  std::int64_t number = 0;
  Result<AnswerContent> answer;
};

// Instead of it:
//   kNotFound     nobody serves the resource
//   kVersion      who serves it is of a release that cannot be asked
//   kRetry        too many questions wait for answers
//   kUnavailable  no answer in time, its process went away, or it cannot say
struct LiveAnswer {
  std::string process;  // who answered
  AnswerContent content;
};

// Waiting for answers, of all sessions together and of one.
inline constexpr std::size_t kQuestionsMost = 10'000;
inline constexpr std::size_t kQuestionsOfASessionMost = 1'000;

}  // namespace settle::coordinator
