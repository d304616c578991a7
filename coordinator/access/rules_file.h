// The file of settled --access: a JSON document of rules. docs/security.md describes it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "access/accounts.h"
#include "access/policy.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::access {

// kInvalid names the place in the document, by its JSON pointer, and what it takes.
[[nodiscard]] Result<std::vector<Rule>> ParseRules(std::string_view document,
                                                   const Accounts& accounts);

// Reads the file, which must belong to `own` or root and be writable by nobody else; blocking.
// kInvalid names the file, and as ParseRules.
[[nodiscard]] Result<std::vector<Rule>> ReadRules(const std::string& path, uid_t own,
                                                  const Accounts& accounts);

// Which content a file has, as far as stat(2) tells; empty: it cannot be looked at. Blocking.
std::string StampOf(const std::string& path);

}  // namespace settle::coordinator::access
