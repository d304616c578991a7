// The table `audit`: rows that are only appended, each with a checksum over the one before it.
//
// Triggers refuse UPDATE and DELETE of what is kept; whoever drops the triggers breaks the chain,
// and Verify says where. The checksum is no signature: it finds accidents and edits by hand, not a
// forger who computes it anew.
#pragma once

#include <cstdint>
#include <string>

#include "log/audit.h"
#include "log/sqlite.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// In `meta`, under these names with "audit_" before them.
struct AuditEnds {
  std::uint64_t first = 1;  // number of the oldest row that is kept
  std::uint64_t base = 0;   // crc of the row before that; 0: there never was one
  std::uint64_t next = 1;
  std::uint64_t last = 0;  // crc of the row before `next`
};

// kCorrupt: a row in `meta` is missing or damaged.
[[nodiscard]] Result<AuditEnds> ReadAuditEnds(sqlite::Connection& connection,
                                              const std::string& path);

// The first thing that is wrong with the rows, in words; empty if all are there as they were
// written. Reads all of them.
[[nodiscard]] sqlite::Expected<std::string> VerifyAudit(sqlite::Connection& connection,
                                                        const AuditEnds& ends);

// Within the caller's transaction; `ends` is what holds once that is committed. The row takes the
// first number from `ends.next` on that nobody put a row of their own at. Removes the oldest rows
// beyond `keep`, a bounded number of them at a time.
[[nodiscard]] sqlite::Expected<void> AddToAudit(sqlite::Connection& connection, const AuditRow& row,
                                                std::uint64_t keep, AuditEnds& ends);

[[nodiscard]] Result<AuditPage> ListAudit(sqlite::Connection& connection, const std::string& path,
                                          const AuditQuery& query);

}  // namespace settle::coordinator
