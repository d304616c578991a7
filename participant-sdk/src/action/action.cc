#include "settle/action.h"

#include <utility>

namespace settle {

std::string ActionContext::idempotency_key() const {
  return BranchKey{gtid, step}.DatabaseName() + ":" + ToString(op);
}

Answer Done(std::string result) { return {AnswerKind::kDone, std::move(result), 0}; }

Answer Failed(std::string reason) { return {AnswerKind::kFailed, std::move(reason), 0}; }

Answer Ongoing(std::chrono::milliseconds poll_after) {
  return {AnswerKind::kOngoing, {}, poll_after.count()};
}

Answer Unknown(std::string reason) { return {AnswerKind::kUnknown, std::move(reason), 0}; }

}  // namespace settle
