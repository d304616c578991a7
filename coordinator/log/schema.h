// The log's schema: what makes a database one of ours, its migrations, and what is known of the log
// itself.
//
// The schema's version is SQLite's user_version, changed in the transaction of the migration.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "log/decision_log.h"
#include "log/sqlite.h"
#include "migrations/migration.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// Whether everything that was ever written is in what is read: kHere. Before each checkpoint it
// becomes kInWal, after it kHere again; so the main file alone, without what was in its -wal file,
// says kInWal.
enum class Tail { kHere, kInWal };

struct LogFacts {
  std::string log_id;
  Epoch epoch = 0;
  Tail tail = Tail::kHere;
};

// What is no longer in the log.
struct Pruned {
  std::uint64_t first_position = 1;  // of what is left
  std::uint64_t transactions = 0;    // that the table `pruned` names
  LogTotals totals;                  // of those, by outcome
};

// Reads only. kCorrupt: it has none; kVersion: newer than `migrations`, with both versions
// named.
[[nodiscard]] Status CheckSchema(sqlite::Connection& connection, const std::string& path,
                                 std::span<const Migration> migrations);

// Applies what is missing, each step in one transaction with its version. Killed anywhere, the next
// call goes on where this one was.
[[nodiscard]] Status Migrate(sqlite::Connection& connection, const std::string& path,
                             std::span<const Migration> migrations);

// kCorrupt for a missing or damaged row.
[[nodiscard]] Result<LogFacts> ReadFacts(sqlite::Connection& connection, const std::string& path);

// Within the caller's transaction.
[[nodiscard]] sqlite::Expected<void> WriteFacts(sqlite::Connection& connection,
                                                const LogFacts& facts);
[[nodiscard]] sqlite::Expected<void> WriteTail(sqlite::Connection& connection, Tail tail);

// A row of `meta` that is a number. As above.
[[nodiscard]] Status ReadMetaNumber(sqlite::Connection& connection, const std::string& path,
                                    std::string_view name, std::uint64_t& number);
[[nodiscard]] sqlite::Expected<void> WriteMetaNumber(sqlite::Connection& connection,
                                                     std::string_view name, std::uint64_t number);
// The keys of all epochs that have one: rows of `meta` called seal.<epoch>, 32 hexadecimal digits.
[[nodiscard]] Result<std::map<Epoch, Seals::Key>> ReadSeals(sqlite::Connection& connection,
                                                            const std::string& path);
[[nodiscard]] sqlite::Expected<void> WriteSeal(sqlite::Connection& connection, Epoch epoch,
                                               const Seals::Key& key);

// As ReadFacts and WriteFacts.
[[nodiscard]] Result<Pruned> ReadPruned(sqlite::Connection& connection, const std::string& path);
[[nodiscard]] sqlite::Expected<void> WritePruned(sqlite::Connection& connection,
                                                 const Pruned& pruned);

}  // namespace settle::coordinator
