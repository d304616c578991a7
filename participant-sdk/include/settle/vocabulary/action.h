// What a coordinator asks of a participant that serves actions, and what the participant answers.
#pragma once

#include <cstdint>
#include <string>

namespace settle {

enum class ActionOp {
  // Of a saga's step.
  kAction = 1,      // do the step
  kCompensate = 2,  // undo the step, as far as it was done; from now on it must never be done
  kFence = 3,       // done already? then say so; else make sure that it can never be done
  // Of a branch that tries, confirms, cancels.
  kTry = 4,      // reserve, so that confirm cannot fail
  kConfirm = 5,  // make the reservation final
  kCancel = 6,   // give the reservation back; from now on it must never be made
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

// Lower-case words: "action", "compensate", "fence", "try", "confirm", "cancel"; "done", "failed",
// "ongoing", "unknown", "suppressed".
const char* ToString(ActionOp op);
const char* ToString(AnswerKind kind);

}  // namespace settle
