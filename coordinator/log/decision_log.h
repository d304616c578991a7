// The contract of the decision log: an append-only sequence of records with an identity and an
// epoch.
//
//   auto log = OpenSqliteDecisionLog({.path = "/var/lib/settle/settle.db"});
//   (*log)->Replay([&](std::uint64_t position, Record record) { ... });
//   (*log)->Append(CommitRecord{...}, Durability::kForce, [](AppendResult result) { ... });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/audit.h"
#include "log/histogram.h"
#include "log/seals.h"
#include "protocol/records.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

struct LogIdentity {
  std::string log_id;  // made with the log, never changes
  Epoch epoch = 0;     // of this opening; raised durably before the log was handed out
  Seals seals{};       // with a key for this epoch; none in a log that keeps no gtids
};

enum class AppendResult {
  kDurable,  // it will be replayed, whatever crashes
  kRefused,  // certainly not there and never will be (no space): the caller may decide otherwise
  kUnknown,  // an I/O error: whether it is there is not known; the process must end and read again
};

// Also names the reason in words for kRefused and kUnknown.
using AppendDone = std::function<void(AppendResult result, const std::string& reason)>;

// Also the number that the row has; 0 unless it is durable.
using AuditDone =
    std::function<void(AppendResult result, const std::string& reason, std::uint64_t number)>;

enum class Which { kOpen, kEnded, kAll };

struct EndedPage {
  std::vector<TransactionSummary> transactions;  // newest first, by epoch and sequence
  std::string next_cursor;                       // empty when there are no more
};

// Transactions that ended since the log was made, pruned ones included, as far as their ends were
// written. Counted at open and kept up to date by appends.
struct LogTotals {
  std::uint64_t committed = 0;  // by outcome
  std::uint64_t aborted = 0;
  std::uint64_t heuristic = 0;  // mixed, hazard, heuristic-*
};

// What was written since the log was opened, records that pruning moved not counted.
struct LogWrites {
  std::uint64_t records = 0;  // appended and durable, forced and lazy
  std::uint64_t forced = 0;   // of those
  // Commits of the log's file, each of which waited for the disk: one for each group of records,
  // and those of tidying. A checkpoint waits a few times more, which is not counted.
  std::uint64_t flushes = 0;

  friend bool operator==(const LogWrites&, const LogWrites&) = default;
};

// Of the groups that became durable since the log was opened.
struct LogGroups {
  Histogram records{kRecordsBounds};        // in one group
  Histogram flush_seconds{kSecondsBounds};  // to write one and flush it
};

class DecisionLog {
 public:
  virtual ~DecisionLog() = default;  // waits until everything appended is written

  virtual const LogIdentity& identity() const = 0;

  // Every record that is left, in order, before the first Append; blocking. Positions have no
  // gap. kCorrupt names the damaged record; then nothing may be presumed from this log.
  [[nodiscard]] virtual Status Replay(
      const std::function<void(std::uint64_t position, Record record)>& visit) = 0;

  // Thread-safe, does not block on the disk. Records become durable in the order of the calls; a
  // lazy one never after a forced one that was appended later. `done` runs on the log's thread,
  // once, in the order of the calls, those of refused records included, and must not block: for a
  // forced record as soon as it is durable, for a lazy one whenever it has been written.
  virtual void Append(Record record, Durability durability, AppendDone done) = 0;

  // The ended transaction `gtid`, if an EndRecord of it has been written. kExpired: it ended, and
  // its records were pruned: nothing may be presumed of it. Nothing: it never ended here, so if it
  // is not running either it never was decided. Thread-safe, blocking (one read).
  [[nodiscard]] virtual Result<std::optional<TransactionSummary>> FindEnded(
      const Gtid& gtid) const = 0;

  // At most `most` ended transactions older than `cursor` (empty: from the newest). Thread-safe,
  // blocking.
  [[nodiscard]] virtual Result<EndedPage> ListEnded(std::size_t most,
                                                    const std::string& cursor) const = 0;

  // One more row of the audit trail, in its order with records. As Append, which see; `done` also
  // hears the row's number. Unless a log says otherwise it keeps no trail and refuses.
  virtual void AppendAudit(AuditRow, Durability, AuditDone done) {
    done(AppendResult::kRefused, "this log keeps no audit trail", 0);
  }
  // Thread-safe, blocking: reads until there are enough that fit.
  [[nodiscard]] virtual Result<AuditPage> ListAudit(const AuditQuery&) const { return AuditPage{}; }
  virtual AuditTotals audit_totals() const { return {}; }  // thread-safe

  virtual LogTotals totals() const = 0;            // thread-safe
  virtual LogWrites writes() const = 0;            // thread-safe
  virtual LogGroups groups() const { return {}; }  // thread-safe; empty: it does not measure
};

}  // namespace settle::coordinator
