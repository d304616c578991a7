// A branch's changes done again by statements that stay compiled.
//
// sqlite3changeset_apply compiles a dozen for each use, and sets a pragma, upon which SQLite
// compiles all others of the connection anew: most of what a small branch costs.
#pragma once

#include "settle/vocabulary/status.h"
#include "sqlite/changes.h"
#include "sqlite/tables.h"

namespace settle::sqlite {

// In the caller's transaction, on a connection without triggers; to be compared with what was
// recorded. A failure says nothing of the changes: sqlite3changeset_apply may find an order in
// which they can be made. Then the caller's transaction must be rolled back.
[[nodiscard]] Status Replay(Connection& connection, const TableRules& rules,
                            const Changes& changes);

}  // namespace settle::sqlite
