// Phase two of a staged branch, by its name alone, and proof of a one-phase commit.
#pragma once

#include <optional>
#include <string>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"
#include "sqlite/connection.h"
#include "sqlite/store.h"

namespace settle::sqlite {

// Both are called inside a write transaction of the file whose identity is given, and end it.
FinishResult FinishStaged(Connection& connection, const std::string& identity, const BranchKey& key,
                          Decision decision, const Evidence& evidence);
FinishResult ProveOnePhase(Connection& connection, const std::string& identity,
                           const BranchKey& key, const Evidence& evidence);

// What is staged is applied, in the caller's write transaction, if its tables are still what they
// were.
[[nodiscard]] Status CheckDefinitions(Connection& connection, const StagedBranch& staged);
// The end of what is staged under the branch's own `name`, whose changes were applied if they are
// to be committed: removes it, leaves a note, and commits the caller's write transaction.
FinishResult EndStaged(Connection& connection, const std::string& name, Decision decision);

// How the branch of this name ended, if the file has a note of it.
[[nodiscard]] Result<std::optional<FinishResult>> EndByNote(Connection& connection,
                                                            const std::string& name);

// What keeps the absence of a note from being a proof; empty if it is one.
[[nodiscard]] Result<std::string> WhyNoProof(Connection& connection, const Evidence& evidence);

}  // namespace settle::sqlite
