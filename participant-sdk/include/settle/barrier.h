// What makes calls that come at least once, late, or in the wrong order take effect once.
//
// A barrier notes every call in the same local transaction as its effect. For PostgreSQL and
// SQLite: settle/postgres_barrier.h, settle/sqlite_barrier.h. Each has
//
//   using Work = ...;   // derived from settle::Work
//   using Business = std::function<Answer(const ActionContext&, Work&)>;
//   Answer Run(const ActionContext& call, const Business& business);
//
// `business` is told of the call with its input and result filled in from the origin's row, where
// the coordinator does not know them any more.
//
// Run opens the local transaction, makes its notes, and answers
//   - a call that was carried out before with what was answered then;
//   - a compensation or cancel whose origin (action or try) never ran with kDone, without
//   `business`;
//     from then on the origin is kSuppressed;
//   - a fence, always without `business`: kDone with the result if the action ran, else
//   kSuppressed;
//   - else with what `business` answers: kDone commits, anything else and whatever it throws rolls
//     back, the notes included.
// Whatever cannot be told for certain (a lost connection at commit) is kUnknown: the call comes
// again. So is what no coordinator asks for, a confirm without a try that ran, or one beside its
// cancel: there is no safe answer to it, and an unknown one is repeated with an alarm.
//
// The tables are made by `settle barrier install`; docs/barrier.md has the whole guarantee.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "settle/action.h"
#include "settle/rows.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle {

// The local transaction that a barrier opened, for the time of one call of `business`. For one
// thread at a time. The transaction is the barrier's to end: a statement that ends it (COMMIT,
// ROLLBACK) kills the work, every later statement is refused (kRefused), and Run answers kUnknown.
class Work {
 public:
  virtual ~Work() = default;

  // One statement, with parameters $1, $2, ... in the database's text form; an empty optional is
  // NULL. Blocking. kRetryTransaction: a passing cause (serialization failure, deadlock, lost
  // connection); an Unknown answer has the call come again. kInvalid, kDenied, kRefused,
  // kInternal: the same statement will fail again. The message has the database's own words.
  [[nodiscard]] virtual Result<Rows> Execute(
      const std::string& sql, const std::vector<std::optional<std::string>>& parameters = {}) = 0;
};

// What `settle barrier install` did to a database's tables.
struct TablesInstalled {
  int version_before = 0;  // 0: there were none
  int version = 0;
  std::vector<std::string> applied;  // names of migrations, in order; none: nothing was to do
};

// Thread-safe.
class Barrier {
 public:
  virtual ~Barrier() = default;

  // Blocking: reaches the database and checks the barrier's tables. kNotFound: they are missing;
  // kVersion: of another release. The advice names the command that puts it right.
  [[nodiscard]] virtual Status Check() = 0;

  // Blocking: removes rows that no call can need any more. A copy of a call that comes later is
  // refused (kSuppressed) by the mark, which is durable before the first row goes, and never goes
  // back. kRetry: the mark is durable, and transactions that began before it are still open, so
  // that the rows stay until a later Prune, of this mark or a higher one.
  [[nodiscard]] virtual Status Prune(const EndedThrough& mark) = 0;
};

}  // namespace settle
