// Reads the log's database: replay, and the ended transactions by gtid and by page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "log/decision_log.h"
#include "log/pruned_ranges.h"
#include "log/sqlite.h"

namespace settle::coordinator {

struct Place {
  std::uint64_t position = 0;  // where it is
  std::uint64_t ordinal = 0;   // where it was first: by this the log is ordered
};

// Every record in the order of the log. Checks that positions run from `first` to `last`, that
// every record decodes, and that the index knows every end.
[[nodiscard]] Status ReplayRecords(
    sqlite::Connection& connection, const std::string& path, std::uint64_t first,
    std::uint64_t last, const std::function<void(const Place& place, Record record)>& visit);

// Thread-safe: calls take turns on one read-only connection.
class EndedTransactions {
 public:
  static constexpr std::size_t kPageMax = 1000;

  EndedTransactions(sqlite::Connection connection, std::string path)
      : connection_(std::move(connection)), path_(std::move(path)) {}

  // `gtid` is one of this log.
  [[nodiscard]] Result<std::optional<TransactionSummary>> Find(const Gtid& gtid);
  // The cursor is "<epoch>.<sequence>" of the last one of the page before.
  [[nodiscard]] Result<EndedPage> List(std::size_t most, const std::string& cursor);

 private:
  // With mutex_ held.
  sqlite::Expected<void> PrepareToFind();
  Result<std::optional<TransactionSummary>> FindIndexed(const Gtid& gtid);
  Result<std::optional<TransactionSummary>> RefuseIfPruned(const Gtid& gtid);

  std::mutex mutex_;
  sqlite::Connection connection_;  // guarded by mutex_, as is all below
  std::optional<sqlite::Statement> find_;
  std::optional<PrunedLookup> pruned_;
  const std::string path_;
};

}  // namespace settle::coordinator
