// A connection to SQLite as people write it by hand.
#pragma once

#include <functional>
#include <string>

namespace settle::bench {

// Runs SQL and gives the first value of its last row; "" of none. Throws std::runtime_error with
// the database's words. Used by one thread at a time.
using Sql = std::function<std::string(const std::string& sql)>;

// In SQLite's default settings, but that it waits for other writers up to a minute: synchronous is
// FULL. A file that is not there is made.
Sql SqliteSession(const std::string& path);

}  // namespace settle::bench
