// How a transaction is committed by the process that began it.
#pragma once

#include <optional>
#include <vector>

#include "client/transaction_state.h"

namespace settle::sdk {

// Prepares the branches of this process, has the coordinator decide, and finishes them. Blocking.
Ending CommitTransaction(GlobalTransaction::State& transaction, const CommitOptions& options);

// Commits the lone branch of a transaction that nobody else can have joined, without preparing it.
// Nothing: it has to be prepared after all.
std::optional<Ending> CommitInOnePhase(GlobalTransaction::State& transaction,
                                       const CommitOptions& options);

// Three-phase commit: the coordinator has every branch prepared, those of this process too, and
// when it does not answer any more the sites may decide without it.
Ending CommitBySites(GlobalTransaction::State& transaction, const CommitOptions& options);

// The steps that the ways share.
// The votes are all commit or read-only: asks for the decision and carries it out.
Ending Decide(GlobalTransaction::State& transaction, std::vector<BranchVote> votes,
              const CommitOptions& options);
// Some vote is no: rolls everything back, tells the coordinator why.
Ending Refuse(GlobalTransaction::State& transaction, std::vector<BranchVote> votes);
// Branches in other processes that had not ended when the coordinator replied.
void NameUnfinished(GlobalTransaction::State& transaction,
                    const std::vector<BranchNumber>& unfinished, Ending& ending);

}  // namespace settle::sdk
