// An action that a participant serves: what its handler is told, and what it may answer.
//
//   settle::Answer Reserve(const settle::ActionContext& call) {
//     if (full) return settle::Failed("no seat left on LH 17");
//     return settle::Done(R"({"seat": "12A"})");
//   }
//
// A call is made at least once: it may come again, in any process of the participant's name, also
// while an earlier copy is still at work. That it takes effect once is the barrier's work
// (settle/barrier.h), or for effects outside of a database the provider's, by idempotency_key().
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "settle/vocabulary/action.h"
#include "settle/vocabulary/gtid.h"

namespace settle {

struct ActionContext {
  Gtid gtid;
  BranchNumber step = 0;  // of a saga: counted from 1 in the order of its definition
  ActionOp op = ActionOp::kAction;
  std::string participant;
  std::string action;
  int attempt = 1;  // how often this call was sent
  // JSON text. Of a compensation, confirm or cancel: what the origin (action or try) was called
  // with; nothing if the coordinator does not know it any more. The barrier fills it in then.
  std::optional<std::string> input;
  // JSON text, of a compensation, confirm or cancel: what the origin answered; as `input`.
  std::optional<std::string> result;
  // After it the coordinator takes the result for unknown and calls again. Monotonic.
  std::chrono::steady_clock::time_point deadline;
  // The W3C traceparent that the saga or transaction was begun with
  // (settle/vocabulary/trace_parent.h); empty: none.
  std::string trace_parent{};

  // The same for every copy of this call, another for every other call: what a provider outside
  // is given so that it does not do the work twice. At most 160 of [A-Za-z0-9._:-].
  std::string idempotency_key() const;
};

// It took effect. `result`: JSON text, at most 64 KiB and 64 levels deep.
Answer Done(std::string result = "{}");
// Definitively not, for a reason of the business, and nothing took effect. Of actions and tries
// only: what undoes or confirms may not fail and is repeated until it is done.
Answer Failed(std::string reason);
// It takes its time: called again after `poll_after` (1 ms to a day).
Answer Ongoing(std::chrono::milliseconds poll_after);
// Nothing is known: called again after a growing pause.
Answer Unknown(std::string reason);

// May block until `deadline`; called from several threads at once. What it throws is an unknown
// outcome.
using ActionHandler = std::function<Answer(const ActionContext&)>;

}  // namespace settle
