// What a saga's coordinator asks of a participant, and what the participant answers.
#pragma once

#include <cstdint>
#include <string>

namespace settle {

enum class ActionOp {
  kAction = 1,      // do the step
  kCompensate = 2,  // undo the step, as far as it was done; from now on it must never be done
  kFence = 3,       // done already? then say so; else make sure that it can never be done
};

enum class AnswerKind {
  kDone = 1,        // it took effect, now or at an earlier call; for a fence: the action had run
  kFailed = 2,      // definitively not, for a reason of the business; nothing took effect
  kOngoing = 3,     // it takes its time: ask again
  kUnknown = 4,     // nothing is known: the same call will be repeated
  kSuppressed = 5,  // never was done and can never be done any more
};

struct Answer {
  AnswerKind kind = AnswerKind::kUnknown;
  // kDone: the result as JSON text. Else: why, one line for people.
  std::string text;
  // kOngoing: when to ask again.
  std::int64_t poll_after_ms = 0;

  friend bool operator==(const Answer&, const Answer&) = default;
};

// Lower-case words: "action", "compensate", "fence"; "done", "failed", "ongoing", "unknown",
// "suppressed".
const char* ToString(ActionOp op);
const char* ToString(AnswerKind kind);

}  // namespace settle
