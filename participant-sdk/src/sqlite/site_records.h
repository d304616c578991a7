// The records of branches as sites, in the caller's transaction.
#pragma once

#include <optional>
#include <string>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/three_phase.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

// As SiteLedger::Find says.
[[nodiscard]] Result<std::optional<SiteRecord>> FindRecord(Connection& connection,
                                                           const BranchKey& key);
// In place of what is there. kInvalid: it cannot be stored.
[[nodiscard]] Status WriteRecord(Connection& connection, const BranchKey& key,
                                 const SiteRecord& record);
// Final ones at or below the mark.
[[nodiscard]] Status RemoveRecords(Connection& connection, const EndedThrough& mark);

}  // namespace settle::sqlite
