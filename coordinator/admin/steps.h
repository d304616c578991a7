// What an operator does about a step of a saga that is stuck.
#pragma once

#include <string>

#include "admin/views.h"

namespace settle::coordinator {

struct StepActCall {
  Gtid gtid;
  std::string step;  // its name or its number
  SagaAct act = SagaAct::kSkip;
  std::string input;  // JSON text, of kSetInput
  std::string operator_name;
  std::string reason;
};

// Blocking, thread-safe. The saga as it is once it is durable who did it, and why. kRefused: the
// step can be helped by nobody in the state it is in, which is said; kInvalid: the input is no
// JSON; kNotFound: no such saga or step; kRetry: the log has no room, nothing was changed.
[[nodiscard]] Result<TransactionView> ActOnStep(Engine& engine, const Views& views,
                                                Observer& observer, const StepActCall& call);

// The step of a saga by its name or, if none has that name, its number. kNotFound names the steps.
[[nodiscard]] Result<BranchNumber> FindStep(const TransactionView& view, const std::string& step);

// Of a step of `view`, in words for people; the engine said why.
Error NotActedOn(const TransactionView& view, const Error& why);

}  // namespace settle::coordinator
