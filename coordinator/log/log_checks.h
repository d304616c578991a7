// What must be so of a log before anything is presumed from it. Reads only: shared by whoever opens
// it to serve, and by whoever verifies a file.
#pragma once

#include <string>

#include "log/log_state.h"
#include "log/schema.h"
#include "log/sqlite.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// kQuick: all but whether each index agrees with its table. Blocking: reads the file from end to
// end.
enum class Structure { kQuick, kFull };
[[nodiscard]] Status CheckStructure(sqlite::Connection& connection, const std::string& path,
                                    Structure how);

// Whether the newest records are here, or were in a -wal file that is not.
[[nodiscard]] Status CheckTail(const LogFacts& facts, bool has_wal, const std::string& path);

// Also checks that each pruned transaction is still named. The schema must be the newest.
[[nodiscard]] Result<LogState> CountWhatIsThere(sqlite::Connection& connection,
                                                const std::string& path);

}  // namespace settle::coordinator
