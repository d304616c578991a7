// The table `pruned`: which transactions ended here and are gone from the log, as ranges of
// sequences.
//
// A low-water mark would be smaller, and would take for pruned whatever was running beside what was
// pruned. With the ranges a transaction without a record is known to have been pruned or known
// never to have been decided.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "log/sqlite.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

// A transaction of this log, without the random tail of its gtid.
struct TransactionKey {
  Epoch epoch = 0;
  std::uint64_t sequence = 0;

  friend auto operator<=>(const TransactionKey&, const TransactionKey&) = default;
};

// A damaged row fails with SQLITE_CORRUPT in each of these.

// Whether transactions were pruned. For one thread at a time; must not outlive the connection.
class PrunedLookup {
 public:
  [[nodiscard]] static sqlite::Expected<PrunedLookup> Make(sqlite::Connection& connection);
  [[nodiscard]] sqlite::Expected<bool> Has(TransactionKey key);

 private:
  explicit PrunedLookup(sqlite::Statement find) : find_(std::move(find)) {}
  sqlite::Statement find_;
};

// How many transactions the table names. Reads and checks all of it.
[[nodiscard]] sqlite::Expected<std::uint64_t> CountPruned(sqlite::Connection& connection);

// Within the caller's transaction. How many of `keys` it did not name before.
[[nodiscard]] sqlite::Expected<std::uint64_t> AddPruned(sqlite::Connection& connection,
                                                        std::vector<TransactionKey> keys);

}  // namespace settle::coordinator
