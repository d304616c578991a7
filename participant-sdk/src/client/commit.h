// How a transaction is committed by the process that began it.
#pragma once

#include <optional>
#include <vector>

#include "client/endings.h"
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

// The last resource decides: of the branches, all in this process, one is committed and all others
// are prepared in its name. Nothing: none of them qualifies, and nothing has happened to any.
std::optional<Ending> CommitByLastResource(GlobalTransaction::State& transaction,
                                           const CommitOptions& options);

// The steps that the ways share.
// All branches prepare at the same time. `last`, an index, is left out: its vote is made up.
std::vector<BranchVote> PrepareAll(GlobalTransaction::State& transaction,
                                   std::optional<std::size_t> last = {});
// Carries `decision` out in the prepared branches, all at the same time, in this thread; branches
// that a worker has in hand, or that must be tried again, are waited for until `until`.
std::vector<BranchFate> FinishAll(GlobalTransaction::State& transaction,
                                  const std::vector<BranchVote>& votes, Decision decision,
                                  bool tell, Instant until, Pace pace = Pace::kAtOnce);
// The votes are all commit or read-only: asks for the decision and carries it out.
Ending Decide(GlobalTransaction::State& transaction, std::vector<BranchVote> votes,
              const CommitOptions& options);
// Some vote is no: rolls everything back, tells the coordinator why.
Ending Refuse(GlobalTransaction::State& transaction, std::vector<BranchVote> votes);
// Branches in other processes that had not ended when the coordinator replied.
void NameUnfinished(GlobalTransaction::State& transaction,
                    const std::vector<BranchNumber>& unfinished, Ending& ending);

}  // namespace settle::sdk
