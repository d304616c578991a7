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
  bool heuristic = false;   // a person decides, where nobody else can
  BranchNumber branch = 0;  // of a hazard: `to` is how that branch ended; else 0
  std::string resource{};   // of a stray; then `gtid` is empty
  std::string prepared{};   // its name in the database of that resource
  bool dry_run = false;     // say what would be done
  std::string identity{};   // what is proved of whoever asks; empty: nothing
};

// For the audit trail: "heuristic: branch 2 committed", and the gtid or the stray.
std::string WhatIsAsked(const ResolveCall& call);
std::string TargetOf(const ResolveCall& call);

// Blocking, thread-safe. Abort ends a transaction that is undecided; the decision that a
// transaction already has is sent again at once to the branches that have not carried it out.
// kRefused, with what the state is and what can be done: commit of an undecided transaction (only
// its votes can commit it), either against a durable decision, anything about a damaged one. A
// heuristic: heuristic.h. A dry run says in `would` what would be done, and is refused alike.
[[nodiscard]] Result<TransactionView> Resolve(Engine& engine, const Views& views,
                                              Observer& observer, const ResolveCall& call);

}  // namespace settle::coordinator
