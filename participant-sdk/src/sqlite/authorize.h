// What a branch's statements may do: everything whose effect the session extension records, nothing
// else.
#pragma once

#include <string>

#include "sqlite/tables.h"

namespace settle::sqlite {

// The savepoint under which a branch works; the application may not name one of its own like it.
inline constexpr char kBranchSavepoint[] = "settle_branch";

// The arguments of SQLite's authorizer callback; pointers may be null. Empty: allowed. Otherwise
// one line that says why not.
std::string WhyRefused(const TableRules& rules, int action, const char* first, const char* second,
                       const char* database);

}  // namespace settle::sqlite
