// Looks into both databases, without Settle, for anything that a global transaction must not allow.
#pragma once

#include <string>
#include <vector>

#include "settle/vocabulary/status.h"

namespace bank_transfer {

struct CheckReport {
  long long balance_from = 0;
  long long balance_to = 0;
  std::size_t transfers = 0;
  std::vector<std::string> violations;  // empty: all is well
};

// To be run when nothing is in doubt any more. `notes` are files of notes.h: what clients were
// told.
settle::Result<CheckReport> Check(const std::string& from_dsn, const std::string& to_dsn,
                                  const std::vector<std::string>& notes);

}  // namespace bank_transfer
