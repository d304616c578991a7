// Writes groups of records into the log's database, each in one transaction. For the log's thread
// alone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log/decision_log.h"
#include "log/group_commit.h"
#include "log/log_state.h"
#include "log/needed_records.h"
#include "log/pruning.h"
#include "log/schema.h"
#include "log/sqlite.h"

namespace settle::coordinator {

class LogWriter {
 public:
  struct Start {
    LogState state;
    int checkpoint_pages = 1000;  // of the -wal file, before a checkpoint is tried
    PruneLimits prune;
    std::uint64_t keep_audit = kKeepAudit;
  };

  // The facts must be in the database, with the tail kHere.
  [[nodiscard]] static sqlite::Expected<std::unique_ptr<LogWriter>> Make(
      sqlite::Connection connection, Start start);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // All or nothing. After the first kUnknown every group is kUnknown: SQLite would let the next
  // commit succeed after a failed flush, and the log would have a hole that nobody sees.
  WriteResult Write(const std::vector<Pending>& group);

  // From now on ended transactions are pruned. `needed` is of every record that is in the log now.
  void StartPruning(NeededRecords needed) { needed_ = std::move(needed); }

  // After a group was told: moves the -wal file's contents into the log when there is enough of
  // it, and prunes at most one step, as often as the log's growth asks for.
  void TidyUnderLoad();
  // While nothing waits for the log: prunes one step. False: there is nothing to prune, or it
  // cannot be done now.
  bool TidyWhileIdle();

  LogTotals totals() const;  // thread-safe
  LogWrites writes() const;  // thread-safe
  LogGroups groups() const;  // thread-safe
  // SQLite's synchronous of the connection that writes, as it was read back; thread-safe.
  int synchronous() const { return synchronous_; }
  AuditEnds audit() const;   // thread-safe

 private:
  struct Statements {
    sqlite::Statement insert_record;
    sqlite::Statement insert_ended;
    sqlite::Statement find_ended;
    sqlite::Statement replace_ended;
  };
  enum class Stage { kBeforeCommit, kCommit };

  LogWriter(sqlite::Connection connection, Statements statements, Start start, int synchronous);

  sqlite::Expected<void> Insert(const std::vector<Pending>& group, LogState& state);
  sqlite::Expected<void> Index(const Subject& end, LogState& state);
  sqlite::Expected<void> Commit();
  void Take(const LogState& state);
  void CountRecords(const std::vector<Pending>& group, std::chrono::nanoseconds took);
  void NoteNeeded(const std::vector<Pending>& group, std::uint64_t position);
  bool IsPruningDue();
  bool PruneOneStep();
  void CheckpointIfDue();
  WriteResult Judge(const sqlite::Failure& failure, Stage stage, const char* doing);
  bool MayHaveCommitted();  // a COMMIT that failed for want of room
  WriteResult Refuse(const sqlite::Failure& failure);
  WriteResult Die(const sqlite::Failure& failure, const char* doing);
  bool CommitTail(Tail tail);

  sqlite::Connection connection_;
  Statements statements_;
  LogState state_;
  const PruneLimits prune_;
  const int synchronous_;
  const std::uint64_t keep_audit_;
  std::optional<NeededRecords> needed_;  // none: nothing is pruned
  bool pruning_ = false;                 // above the mark where it begins and not yet at its end
  bool prune_refused_ = false;           // the last step found no room or no lock
  std::size_t appended_ = 0;             // records since the last step
  std::size_t appended_bytes_ = 0;       // likewise
  Tail tail_ = Tail::kHere;
  const int checkpoint_pages_;
  int wal_pages_ = 0;  // after the last commit
  int checkpoint_at_;  // wal_pages_ that make the next checkpoint due
  std::string dead_;   // why nothing more is written; empty while all is well

  mutable std::mutex totals_mutex_;
  LogTotals totals_;  // of state_, for other threads
  LogWrites writes_;  // guarded by totals_mutex_ as well
  LogGroups groups_;  // likewise
  AuditEnds audit_;   // likewise: of state_
};
}  // namespace settle::coordinator
