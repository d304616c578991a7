// What databases say of a transaction's branches when they are asked now, as `show` and `explain`
// print it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "wire/admin_types.h"

namespace settle::cli {

// Asks for the transaction and, unless --no-live was given, every database that holds a branch of
// it. A --timeout leaves the databases three quarters of it.
[[nodiscard]] Result<wire::LookReply> Look(const Given& given, Surroundings& around);
VerbOption NoLiveOption();

// For a column of a table: "prepared", "committed", "rolled back", "not prepared", "no answer";
// with an exclamation mark where it contradicts the decision; empty if it was not asked.
std::string LiveWord(const std::vector<wire::LiveView>& live, std::int32_t branch);
// A paragraph for each branch: how it is, what it holds, who waits behind it; empty if none was
// asked.
std::string LiveText(const wire::TransactionView& transaction,
                     const std::vector<wire::LiveView>& live, Paint paint);

}  // namespace settle::cli
