// What can be done about a transaction and what would do damage, by the state that it is in.
#pragma once

#include <string>
#include <vector>

#include "admin/live.h"
#include "admin/views.h"

namespace settle::coordinator {

using Sentences = std::vector<std::string>;

// Of its database, as far as it is known; empty if it is not.
const std::string& IdentityOf(const BranchSummary& branch);
// The command that starts the stock agent, for a database that nobody serves.
std::string AgentFor(const BranchSummary& branch);

// What is safe, before the advice of the moment.
Sentences SafeIn(const TransactionSummary& summary);
Sentences HarmfulIn(const TransactionSummary& summary);
// To paste, the most useful first. `live` may be empty: then nobody was asked.
Sentences CommandsFor(const TransactionSummary& summary, const std::vector<LiveRow>& live);

}  // namespace settle::coordinator
