// What an operator may decide where nobody else can: never against a durable decision.
#pragma once

#include "admin/resolve.h"

namespace settle::coordinator {

// Blocking, thread-safe. Of three kinds: a three-phase commit whose majority does not come, or a
// quarantined transaction, is forced; of a branch in hazard a person says how it ended; a prepared
// branch that this log does not answer for is told. That it is done, by whom and why is durable
// before it is done, and goes on after a crash. The view is that of the transaction, or of the act
// on the stray, which is in doubt until it is forgotten. The same again gets the same answer. A dry
// run says in `would` what would be done, and what would do damage.
// kRefused: something else decides it, or has; kNotFound: there is no such stray; kRetry: the log
// has no room, and nothing was done.
[[nodiscard]] Result<TransactionView> ResolveHeuristically(Engine& engine, const Views& views,
                                                           const ResolveCall& call);

}  // namespace settle::coordinator
