// One transaction in full, as `show` and `resolve` print it.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"
#include "wire/admin_types.h"

namespace settle::cli {

// With what its databases say now, if they were asked.
std::string TransactionText(const wire::TransactionView& transaction, std::int64_t now_us,
                            Paint paint, const std::vector<wire::LiveView>& live = {});

// kNotFound for a transaction that the log has no record of: the answer is then the presumption
// alone, and the gtid may be a wrong one. Otherwise kOk.
ExitCode ExitCodeOf(const wire::TransactionView& transaction);

// A whole gtid or kInvalid: a part of one is never completed by guessing.
[[nodiscard]] Result<Gtid> WholeGtid(const std::string& text);

// What a dry run says would be done, and of what.
Answer DryRun(const wire::TransactionView& transaction, const Surroundings& around);

}  // namespace settle::cli
