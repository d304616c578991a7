// What the coordinator's witness answers its peers about a three-phase commit that is over.
#pragma once

#include "protocol/records.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// kRefused: it ended in a way that says neither commit nor abort, or contradicts itself.
[[nodiscard]] Result<SiteAnswer> FinalAnswer(const TransactionSummary& summary);

}  // namespace settle::coordinator
