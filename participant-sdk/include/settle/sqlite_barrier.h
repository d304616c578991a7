// The barrier of an action whose effects are in one SQLite file.
//
//   auto stock = settle::SqliteBarrier::Make({.path = "/var/lib/shop/stock.db"});
//   settle::Answer answer = stock->Run(call, [](const settle::ActionContext&, settle::Work& work) {
//     auto taken = work.Execute("UPDATE item SET count = count - 1 WHERE id = $1 AND count > 0 "
//                               "RETURNING count", {"17"});
//     if (!taken) return settle::Unknown(settle::Describe(taken.error()));
//     if (taken->rows.empty()) return settle::Failed("item 17 is sold out");
//     return settle::Done();
//   });
//
// SQLite has one writer: Run holds the file's write lock from its notes to its commit, so keep the
// business short. A copy of a call waits for the one that is at work.
//
// The file may be a resource of global transactions as well (settle/sqlite_resource.h). While a
// prepared branch awaits its decision in it nothing else may be written: Run then answers kUnknown
// without running the business, and the call comes again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "settle/barrier.h"

struct sqlite3;

namespace settle {

struct SqliteBarrierOptions {
  std::string path;  // must exist, with the application's tables and the barrier's
  // How long to wait for other writers of the file, in this and in other processes; never longer
  // than to the call's deadline.
  std::chrono::milliseconds busy_timeout{5'000};
  bool foreign_keys = true;  // enforced, as by PRAGMA foreign_keys
  // How many rows one transaction of Prune removes at most.
  int prune_batch = 1'000;
  // Called with every connection: the place to register collations and functions.
  std::function<void(sqlite3*)> on_connect{};
};

class SqliteWork : public Work {
 public:
  // Parameters ($1, $2, ... or ?) are bound as text, which the columns' affinity converts. A failed
  // statement leaves the transaction usable, unless SQLite rolled it back (disk full, ON CONFLICT
  // ROLLBACK): kRetryTransaction. ATTACH, BEGIN, COMMIT and ROLLBACK are refused; savepoints are
  // the business's to use.
  [[nodiscard]] Result<Rows> Execute(
      const std::string& sql,
      const std::vector<std::optional<std::string>>& parameters = {}) override = 0;

  // The connection, inside the transaction, for the application's own statements. Not to be closed
  // or kept; finalize statements before the business returns. Null once the transaction is over.
  virtual sqlite3* connection() = 0;
};

// Thread-safe, blocking. In a forked child every call is refused: make it after fork().
class SqliteBarrier : public Barrier {
 public:
  using Work = SqliteWork;
  using Business = std::function<Answer(const ActionContext&, Work&)>;

  // Does not touch the file yet.
  [[nodiscard]] static std::shared_ptr<SqliteBarrier> Make(SqliteBarrierOptions options);

  // settle/barrier.h says what it answers. Durable when it answers kDone, also over a loss of
  // power: synchronous=FULL is set and read back.
  virtual Answer Run(const ActionContext& call, const Business& business) = 0;

  // kUnavailable: the file cannot be opened or written. kRefused: it was replaced.
  [[nodiscard]] Status Check() override = 0;

  // Takes the write lock for each batch. Never kRetry for old transactions: one writer at a time
  // means that there are none. kRetry: the file is busy.
  [[nodiscard]] Status Prune(const EndedThrough& mark) override = 0;

  // Makes or upgrades Settle's tables in the file; nothing to do if they are there. Atomic.
  // kInvalid: no such file, not a SQLite database, or a coordinator's decision log; kVersion: made
  // by a newer release; kRetry: busy.
  [[nodiscard]] static Result<TablesInstalled> Install(const std::string& path);
  // What Install runs in a file without Settle's tables, as a script for the sqlite3 shell.
  static std::string InstallSql();
};

}  // namespace settle
