// What makes calls that come at least once, late, or in the wrong order take effect once.
//
// A barrier notes every call in the same local transaction as its effect. For PostgreSQL and
// SQLite: settle/postgres_barrier.h, settle/sqlite_barrier.h. Each has
//
//   using Work = ...;   // Execute(sql, parameters) -> Result<Rows>
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
// again.
#pragma once

#include <string>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle {

// Everything that this log began up to here, this included, has ended: no call of it is waited for.
struct EndedThrough {
  std::string log_id;
  Epoch epoch = 0;
  std::uint64_t sequence = 0;

  friend bool operator==(const EndedThrough&, const EndedThrough&) = default;
};

// Thread-safe.
class Barrier {
 public:
  virtual ~Barrier() = default;

  // Blocking: reaches the database and checks the barrier's tables. kInvalid: they are missing;
  // kVersion: of another release. The advice names the command that puts it right.
  [[nodiscard]] virtual Status Check() = 0;

  // Blocking: removes rows that no call can need any more. A copy of a call that comes later is
  // refused (kSuppressed) by the mark, which is durable with the removal.
  [[nodiscard]] virtual Status Prune(const EndedThrough& mark) = 0;
};

}  // namespace settle
