#include "log/log_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "log/wal_check.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;

int NotePages(void* pages, sqlite3*, const char*, int in_wal) {
  *static_cast<int*>(pages) = in_wal;
  return SQLITE_OK;
}

}  // namespace

Expected<std::unique_ptr<LogWriter>> LogWriter::Make(sqlite::Connection connection, Start start) {
  Statements statements;
  const std::pair<Statement*, const char*> texts[] = {
      {&statements.insert_record, "INSERT INTO record (position, payload) VALUES (?, ?)"},
      {&statements.insert_ended,
       "INSERT INTO ended (epoch, sequence, position, outcome) VALUES (?, ?, ?, ?) "
       "ON CONFLICT DO NOTHING"},
      {&statements.find_ended, "SELECT outcome FROM ended WHERE epoch = ? AND sequence = ?"},
      {&statements.replace_ended,
       "INSERT OR REPLACE INTO ended (epoch, sequence, position, outcome) VALUES (?, ?, ?, ?)"},
  };
  for (const auto& [statement, sql] : texts) {
    Expected<Statement> prepared = Statement::Prepare(connection, sql);
    if (!prepared) return tl::unexpected<Failure>(prepared.error());
    *statement = *std::move(prepared);
  }
  const Expected<std::string> synchronous = connection.Ask("PRAGMA synchronous");
  if (!synchronous) return tl::unexpected<Failure>(synchronous.error());
  return std::unique_ptr<LogWriter>(new LogWriter(std::move(connection), std::move(statements),
                                                  start, std::atoi(synchronous->c_str())));
}

LogWriter::LogWriter(sqlite::Connection connection, Statements statements, Start start,
                     int synchronous)
    : connection_(std::move(connection)),
      statements_(std::move(statements)),
      state_(start.state),
      prune_(start.prune),
      synchronous_(synchronous),
      keep_audit_(start.keep_audit),
      checkpoint_pages_(start.checkpoint_pages),
      checkpoint_at_(start.checkpoint_pages),
      totals_(start.state.totals),
      audit_(start.state.audit) {
  sqlite3_wal_hook(connection_.raw(), &NotePages, &wal_pages_);
}

LogWriter::~LogWriter() {
  // A dead log is left as it is for the next start to read, and so is one that could not note that
  // all is here. A sound one is folded into its main file.
  if (dead_.empty() && tail_ != Tail::kHere) CommitTail(Tail::kHere);
  if (!dead_.empty() || tail_ != Tail::kHere) {
    sqlite3_db_config(connection_.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
}

WriteResult LogWriter::Write(const std::vector<Pending>& group) {
  if (!dead_.empty()) return {AppendResult::kUnknown, dead_};
  const auto storable = [](const Pending& pending) { return pending.unstorable.empty(); };
  if (std::none_of(group.begin(), group.end(), storable)) return {AppendResult::kDurable, {}};
  [[maybe_unused]] const bool forced =
      std::any_of(group.begin(), group.end(), [](const Pending& pending) {
        return pending.is_record() && pending.durability == Durability::kForce;
      });

  if (forced && SETTLE_FAILPOINT_FAILS("log.before_begin")) {
    return Judge({SQLITE_FULL, "no room", 0}, Stage::kBeforeCommit, "write");
  }
  if (!forced) SETTLE_FAILPOINT("log.before_lazy");
  const auto from = std::chrono::steady_clock::now();
  if (auto begun = connection_.Run("BEGIN IMMEDIATE"); !begun) {
    return Judge(begun.error(), Stage::kBeforeCommit, "write");
  }
  LogState state = state_;
  if (auto inserted = Insert(group, state); !inserted) {
    return Judge(inserted.error(), Stage::kBeforeCommit, "write");
  }
  if (forced) SETTLE_FAILPOINT("log.inside");
  // Crash in here: all of the group or nothing of it; nobody was told either way.
  SETTLE_FAILPOINT_TEARS("log.commit",
                         sqlite3_filename_wal(sqlite3_db_filename(connection_.raw(), "main")));
  if (auto committed = Commit(); !committed) {
    return Judge(committed.error(), Stage::kCommit, "commit");
  }
  const auto took = std::chrono::steady_clock::now() - from;
  NoteNeeded(group, state_.next_position);
  appended_ += group.size();
  for (const Pending& pending : group) appended_bytes_ += pending.payload.size();
  tail_ = Tail::kHere;
  Take(state);
  CountRecords(group, took);
  if (forced) SETTLE_FAILPOINT("log.after_commit");
  return {AppendResult::kDurable, {}};
}

Expected<void> LogWriter::Insert(const std::vector<Pending>& group, LogState& state) {
  for (const Pending& pending : group) {
    if (pending.audit) {
      if (auto run = AddToAudit(connection_, pending.audit->row, keep_audit_, state.audit); !run)
        return run;
      pending.audit->number = state.audit.next - 1;
    }
    if (!pending.is_record()) continue;
    statements_.insert_record.Bind(1, static_cast<std::int64_t>(state.next_position));
    statements_.insert_record.BindBlob(2, pending.payload);
    if (auto run = statements_.insert_record.Run(); !run) return run;
    if (pending.subject.ended) {
      if (auto run = Index(pending.subject, state); !run) return run;
    }
    ++state.next_position;
  }
  // A checkpoint could not finish what it began.
  if (tail_ != Tail::kHere) return WriteTail(connection_, Tail::kHere);
  return {};
}

Expected<void> LogWriter::Index(const Subject& end, LogState& state) {
  const auto bind = [&](Statement& statement) {
    statement.Bind(1, static_cast<std::int64_t>(end.gtid.epoch()));
    statement.Bind(2, static_cast<std::int64_t>(end.gtid.sequence()));
  };
  const auto bind_all = [&](Statement& statement) {
    bind(statement);
    statement.Bind(3, static_cast<std::int64_t>(state.next_position));
    statement.Bind(4, static_cast<std::int64_t>(*end.ended));
  };
  bind_all(statements_.insert_ended);
  if (auto run = statements_.insert_ended.Run(); !run) return run;
  ++state.ended;
  if (sqlite3_changes(connection_.raw()) == 0) {
    // It ended before, and a crash lost that it may be forgotten: the newest end counts, once.
    --state.ended;
    bind(statements_.find_ended);
    const Expected<bool> row = statements_.find_ended.Step();
    if (!row) return tl::unexpected<Failure>(row.error());
    if (*row) Count(static_cast<Outcome>(statements_.find_ended.Number(0)), -1, state.totals);
    statements_.find_ended.Reset();
    bind_all(statements_.replace_ended);
    if (auto run = statements_.replace_ended.Run(); !run) return run;
  }
  Count(*end.ended, +1, state.totals);
  return {};
}

Expected<void> LogWriter::Commit() {
  Expected<void> committed = connection_.Run("COMMIT");
  if (!committed) return committed;
  const std::lock_guard lock(totals_mutex_);
  ++writes_.flushes;
  return {};
}

void LogWriter::CountRecords(const std::vector<Pending>& group, std::chrono::nanoseconds took) {
  const std::lock_guard lock(totals_mutex_);
  const std::uint64_t before = writes_.records;
  for (const Pending& pending : group) {
    if (!pending.is_record()) continue;
    ++writes_.records;
    writes_.forced += pending.durability == Durability::kForce ? 1 : 0;
  }
  if (writes_.records == before) return;  // rows of the audit trail alone
  groups_.records.Add(static_cast<double>(writes_.records - before));
  groups_.flush_seconds.Add(took);
}

void LogWriter::Take(const LogState& state) {
  state_ = state;
  const std::lock_guard lock(totals_mutex_);
  totals_ = state.totals;
  audit_ = state.audit;
}

void LogWriter::NoteNeeded(const std::vector<Pending>& group, std::uint64_t position) {
  if (!needed_) return;
  for (const Pending& pending : group) {
    if (pending.is_record()) needed_->Add(position++, pending.subject);
  }
}

WriteResult LogWriter::Judge(const Failure& failure, Stage stage, const char* doing) {
  // While rows are inserted nothing can become durable. In COMMIT a write that found no room has
  // left no commit, unless what it did write was all that differed; the file says so. Anything else
  // may have been flushed.
  switch (failure.primary()) {
    case SQLITE_FULL:
      if (stage == Stage::kCommit && MayHaveCommitted()) break;
      return Refuse(failure);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:  // another program's locks, for too long
    case SQLITE_NOMEM:
      if (stage == Stage::kBeforeCommit) return Refuse(failure);
      break;
    default: break;
  }
  return Die(failure, doing);
}

bool LogWriter::MayHaveCommitted() {
  const Result<bool> holds = HoldsUncountedCommit(connection_);
  return !holds || *holds;
}

WriteResult LogWriter::Refuse(const Failure& failure) {
  statements_.insert_record.Reset();
  statements_.insert_ended.Reset();
  statements_.find_ended.Reset();
  statements_.replace_ended.Reset();
  if (connection_.in_transaction()) {
    if (auto undone = connection_.Run("ROLLBACK"); !undone) return Die(undone.error(), "roll back");
  }
  const int code = failure.primary();
  const bool busy = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_PROTOCOL;
  return {AppendResult::kRefused,
          fmt::format("the decision log could not store it: {}{}", failure.message,
                      busy ? "; another program keeps the log locked" : "")};
}

WriteResult LogWriter::Die(const Failure& failure, const char* doing) {
  dead_ = fmt::format(
      "the decision log could not {}: {} (SQLite code {}); what is in it is known "
      "only after it was read again",
      doing, failure.message, failure.code);
  return {AppendResult::kUnknown, dead_};
}

bool LogWriter::CommitTail(Tail tail) {
  const auto write = [&]() -> std::pair<Expected<void>, Stage> {
    if (auto run = connection_.Run("BEGIN IMMEDIATE"); !run) return {run, Stage::kBeforeCommit};
    if (auto run = WriteTail(connection_, tail); !run) return {run, Stage::kBeforeCommit};
    return {Commit(), Stage::kCommit};
  };
  const auto [written, stage] = write();
  if (!written) {
    static_cast<void>(Judge(written.error(), stage, "commit"));
    return false;
  }
  tail_ = tail;
  return true;
}

void LogWriter::CheckpointIfDue() {
  if (!dead_.empty() || wal_pages_ < checkpoint_at_) return;
  checkpoint_at_ = wal_pages_ + checkpoint_pages_;  // unless it succeeds
  // From here to the end, a crash leaves kInWal together with a -wal file, which is as good as
  // kHere.
  if (!CommitTail(Tail::kInWal)) return;
  int in_wal = 0;
  int moved = 0;
  const int result = sqlite3_wal_checkpoint_v2(connection_.raw(), nullptr,
                                               SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
  switch (result & 0xff) {
    case SQLITE_OK:
      if (moved == in_wal) checkpoint_at_ = checkpoint_pages_;
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_FULL: break;  // nothing is lost: the -wal file grows until it works
    default: Die(connection_.failure(), "checkpoint"); return;
  }
  CommitTail(Tail::kHere);
}

bool LogWriter::IsPruningDue() {
  if (!dead_.empty() || !needed_) return false;
  // It begins when there is enough to do, so that steps are full ones and needed records, each of
  // which is appended again once in a round, cost no more than the ends that the round removes.
  const std::uint64_t slack = std::max<std::uint64_t>(prune_.step / 2, needed_->size());
  const std::uint64_t stop_at = prune_.keep_ended + (pruning_ ? 0 : slack);
  pruning_ = state_.ended > stop_at;
  return pruning_;
}

void LogWriter::TidyUnderLoad() {
  CheckpointIfDue();
  if (appended_ >= prune_.step / 2 && IsPruningDue()) PruneOneStep();
}

bool LogWriter::TidyWhileIdle() { return !prune_refused_ && IsPruningDue() && PruneOneStep(); }

bool LogWriter::PruneOneStep() {
  // Twice what was appended since the last step, so that the log shrinks under any load.
  const PruneLimits limits{prune_.keep_ended, std::max(prune_.step, 2 * appended_)};
  constexpr std::size_t kBytesLeast = 1024 * 1024;
  const std::size_t bytes_max = std::max(kBytesLeast, 2 * appended_bytes_);
  appended_ = 0;
  appended_bytes_ = 0;
  LogState state = state_;
  const auto step = [&]() -> std::pair<Expected<std::vector<Moved>>, Stage> {
    if (auto run = connection_.Run("BEGIN IMMEDIATE"); !run) {
      return {tl::unexpected<Failure>(run.error()), Stage::kBeforeCommit};
    }
    Expected<std::vector<Moved>> moved = Prune(connection_, *needed_, limits, bytes_max, state);
    if (!moved) return {std::move(moved), Stage::kBeforeCommit};
    SETTLE_FAILPOINT("log.prune.inside");
    // Crash in here: the log as it was before the step, or as it is after it.
    if (auto run = Commit(); !run) {
      return {tl::unexpected<Failure>(run.error()), Stage::kCommit};
    }
    SETTLE_FAILPOINT("log.prune.committed");
    return {std::move(moved), Stage::kCommit};
  };
  const auto [moved, stage] = step();
  prune_refused_ = !moved;
  if (!moved) {
    static_cast<void>(Judge(moved.error(), stage, "prune"));
    return false;
  }
  for (const Moved& one : *moved) needed_->Move(one.from, one.to, one.subject);
  Take(state);
  CheckpointIfDue();
  return true;
}

LogWrites LogWriter::writes() const {
  const std::lock_guard lock(totals_mutex_);
  return writes_;
}

AuditEnds LogWriter::audit() const {
  const std::lock_guard lock(totals_mutex_);
  return audit_;
}

LogGroups LogWriter::groups() const {
  const std::lock_guard lock(totals_mutex_);
  return groups_;
}

LogTotals LogWriter::totals() const {
  const std::lock_guard lock(totals_mutex_);
  return totals_;
}

}  // namespace settle::coordinator
