// What an operator may do to a transaction. Nothing here can go against a durable decision.
#pragma once

#include <string>

#include "admin/views.h"

namespace settle::coordinator {

struct ResolveCall {
  Gtid gtid;
  Decision to = Decision::kAbort;
  std::string operator_name;
  std::string reason;
};

// Blocking, thread-safe. Abort ends a transaction that is undecided; the decision that a
// transaction already has is sent again at once to the branches that have not carried it out.
// kRefused, with what the state is and what can be done: commit of an undecided transaction (only
// its votes can commit it), either against a durable decision, anything about a damaged one.
[[nodiscard]] Result<TransactionView> Resolve(Engine& engine, const Views& views,
                                              Observer& observer, const ResolveCall& call);

}  // namespace settle::coordinator
