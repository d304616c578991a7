// The contract of the decision log: an append-only sequence of records with an identity and an
// epoch.
//
//   auto log = OpenSqliteDecisionLog({.path = "/var/lib/settle/settle.db"});
//   (*log)->Replay([&](std::uint64_t position, Record record) { ... });
//   (*log)->Append(CommitRecord{...}, Durability::kForce, [](AppendResult result) { ... });
#pragma once

#include <algorithm>
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

// The log was restored from a copy that was made in epoch `first`, and its next life began after
// `last`. What is not in it of these epochs may have been decided all the same, in records that
// were lost: it is neither committed nor aborted as far as anybody here can know.
struct LostEpochs {
  Epoch first = 0;
  Epoch last = 0;
  WallTime taken = 0;  // when the copy was made; 0: it does not say

  bool Has(const Gtid& gtid) const { return gtid.epoch() >= first && gtid.epoch() <= last; }
  friend bool operator==(const LostEpochs&, const LostEpochs&) = default;
};

struct LogIdentity {
  std::string log_id;              // made with the log, never changes
  Epoch epoch = 0;                 // of this opening; raised durably before the log was handed out
  std::vector<LostEpochs> lost{};  // oldest first
  Seals seals{};                   // with a key for this epoch; none in a log that keeps no gtids

  bool HasLost(const Gtid& gtid) const {
    return std::any_of(lost.begin(), lost.end(),
                       [&](const LostEpochs& epochs) { return epochs.Has(gtid); });
  }
  // Of its epoch nothing is left at all, not even the key that tells who began it.
  bool HasLostAllOf(const Gtid& gtid) const {
    return std::any_of(lost.begin(), lost.end(), [&](const LostEpochs& epochs) {
      return gtid.epoch() > epochs.first && gtid.epoch() <= epochs.last;
    });
  }
  // It may have gone on in records that were lost.
  bool IsFromBeforeALoss(const Gtid& gtid) const {
    return !lost.empty() && gtid.epoch() <= lost.back().last;
  }
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

// Of the log's own file, as it is now.
struct LogCondition {
  std::string path;          // absolute
  std::string journal_mode;  // SQLite's words
  int synchronous = 0;       // of whoever writes; 2: FULL, 3: EXTRA
  std::uint64_t bytes = 0;
  std::uint64_t wal_bytes = 0;
  std::uint64_t keep_ended = 0;  // ended transactions that stay
};

// A consistent copy of a log that goes on being written, made aside and read once it is complete.
// The copy goes with it. Used by one thread.
class LogBackup {
 public:
  struct Progress {
    std::uint64_t copied = 0;  // bytes
    std::uint64_t size = 0;    // bytes, in all
    bool complete = false;
  };
  virtual ~LogBackup() = default;

  // Blocking: at most for a quarter of a second. An error is final, as of Read.
  [[nodiscard]] virtual Result<Progress> Await() = 0;
  // At most `most` bytes from `offset`; none at the end. Blocking: reads a file. kRefused: the copy
  // is not complete.
  [[nodiscard]] virtual Result<std::string> Read(std::uint64_t offset, std::size_t most) = 0;
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

  // kRetry: another one is being made or read, and only one is at a time. kUnavailable: there is no
  // room for it. Thread-safe; does not block; the log outlives what it makes.
  [[nodiscard]] virtual Result<std::unique_ptr<LogBackup>> StartBackup() {
    return Fail(ErrorCode::kRefused, "this decision log is no file that can be backed up");
  }

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

  // Thread-safe, blocking. kRefused: this kind of log has no file.
  [[nodiscard]] virtual Result<LogCondition> Condition() const {
    return Fail(ErrorCode::kRefused, "this log has no file to look at");
  }
};

}  // namespace settle::coordinator
