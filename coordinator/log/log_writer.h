// Writes groups of records into the log's database, each in one transaction. For the log's thread
// alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "log/decision_log.h"
#include "log/group_commit.h"
#include "log/schema.h"
#include "log/sqlite.h"

namespace settle::coordinator {

class LogWriter {
 public:
  struct Start {
    std::uint64_t next_position = 1;
    LogTotals totals;
    int checkpoint_pages = 1000;  // of the -wal file, before a checkpoint is tried
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

  // Moves the -wal file's contents into the log when there is enough of it. After the group was
  // told.
  void CheckpointIfDue();

  LogTotals totals() const;  // thread-safe

 private:
  struct Statements {
    sqlite::Statement insert_record;
    sqlite::Statement insert_ended;
    sqlite::Statement find_ended;
    sqlite::Statement replace_ended;
  };
  enum class Stage { kBeforeCommit, kCommit };

  LogWriter(sqlite::Connection connection, Statements statements, Start start);

  sqlite::Expected<LogTotals> Insert(const std::vector<Pending>& group, std::uint64_t& position);
  sqlite::Expected<void> Index(const EndedEntry& entry, std::uint64_t position, LogTotals& totals);
  WriteResult Judge(const sqlite::Failure& failure, Stage stage);
  WriteResult Refuse(const sqlite::Failure& failure);
  WriteResult Die(const sqlite::Failure& failure, const char* doing);
  bool CommitTail(Tail tail);

  sqlite::Connection connection_;
  Statements statements_;
  std::uint64_t next_position_;
  Tail tail_ = Tail::kHere;
  const int checkpoint_pages_;
  int wal_pages_ = 0;       // after the last commit
  int checkpoint_at_;       // wal_pages_ that make the next checkpoint due
  std::string dead_;        // why nothing more is written; empty while all is well

  mutable std::mutex totals_mutex_;
  LogTotals totals_;
};

// Adds one ended transaction to (or, with -1, takes it from) the count of its outcome.
void Count(Outcome outcome, std::int64_t change, LogTotals& totals);

}  // namespace settle::coordinator
