#include "settle/vocabulary/action.h"

namespace settle {

const char* ToString(ActionOp op) {
  switch (op) {
    case ActionOp::kAction: return "action";
    case ActionOp::kCompensate: return "compensate";
    case ActionOp::kFence: return "fence";
    case ActionOp::kTry: return "try";
    case ActionOp::kConfirm: return "confirm";
    case ActionOp::kCancel: return "cancel";
  }
  return "unrecognised";
}

const char* ToString(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kDone: return "done";
    case AnswerKind::kFailed: return "failed";
    case AnswerKind::kOngoing: return "ongoing";
    case AnswerKind::kUnknown: return "unknown";
    case AnswerKind::kSuppressed: return "suppressed";
  }
  return "unrecognised";
}

}  // namespace settle
