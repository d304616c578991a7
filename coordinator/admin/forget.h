// Letting go of a damaged transaction that a person has repaired.
#pragma once

#include "admin/views.h"

namespace settle::coordinator {

// Blocking, thread-safe. The transaction as it is once it is durable who forgot it, and why; its
// outcome stays the damage that it was. The same request repeated gets the same answer. kRefused:
// it is not damaged, or somebody else forgot it first; kNotFound: the log has no record of it;
// kRetry: the log has no room, so it stays damaged.
[[nodiscard]] Result<TransactionView> Forget(Engine& engine, const Views& views, Observer& observer,
                                             const ForgetCall& call);

// Says in `would` what that would do, and does nothing. Refused alike.
[[nodiscard]] Result<TransactionView> WouldForget(const Views& views, const ForgetCall& call);

}  // namespace settle::coordinator
