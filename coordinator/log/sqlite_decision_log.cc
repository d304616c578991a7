#include "log/sqlite_decision_log.h"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "log/audit_table.h"
#include "log/backup.h"
#include "log/failures.h"
#include "log/group_commit.h"
#include "log/log_opening.h"
#include "log/log_reader.h"
#include "log/log_writer.h"
#include "log/record_codec.h"

namespace settle::coordinator {
namespace {

class SqliteDecisionLog final : public DecisionLog {
 public:
  SqliteDecisionLog(const SqliteLogSettings& settings, OpenedLog opened)
      : path_(std::move(opened.path)),
        busy_timeout_(settings.busy_timeout),
        keep_ended_(settings.prune.keep_ended),
        identity_(std::move(opened.identity)),
        first_at_open_(opened.first_position),
        last_at_open_(opened.last_position),
        audit_damage_(std::move(opened.audit_damage)),
        lock_(std::move(opened.lock)),
        writer_(std::move(opened.writer)),
        ended_(std::move(opened.reader), path_),
        group_commit_(
            {settings.group_max, settings.lazy_delay},
            [this](const std::vector<Pending>& group) { return writer_->Write(group); },
            {[this] { writer_->TidyUnderLoad(); }, [this] { return writer_->TidyWhileIdle(); }}) {}

  const LogIdentity& identity() const override { return identity_; }

  Status Replay(const std::function<void(std::uint64_t, Record)>& visit) override {
    if (appended_.load()) {
      return Fail(ErrorCode::kInternal, path_ + ": replay was asked for after the first append");
    }
    auto connection = OpenReader(path_, busy_timeout_);
    if (!connection) return Fail(connection.error());
    NeededRecords needed;
    Status read = ReplayRecords(*connection, path_, first_at_open_, last_at_open_,
                                [&](const Place& place, Record record) {
                                  needed.Add(place.position, SubjectOf(record));
                                  visit(place.ordinal, std::move(record));
                                });
    // The log's thread looks at it after the first append, which comes later.
    if (read) writer_->StartPruning(std::move(needed));
    return read;
  }

  void Append(Record record, Durability durability, AppendDone done) override {
    appended_.store(true);
    Pending pending;
    pending.durability = durability;
    pending.done = std::move(done);
    if (const Gtid& gtid = GtidOf(record); !gtid.empty() && gtid.log_id() != identity_.log_id) {
      pending.unstorable = fmt::format("{} belongs to another log than {}", gtid.text(), path_);
    } else if (Result<std::string> payload = EncodeRecord(record); !payload) {
      pending.unstorable = payload.error().message;
    } else {
      pending.payload = *std::move(payload);
    }
    pending.subject = SubjectOf(record);
    group_commit_.Append(std::move(pending));
  }

  Result<std::optional<TransactionSummary>> FindEnded(const Gtid& gtid) const override {
    if (gtid.log_id() != identity_.log_id) return std::nullopt;
    return ended_.Find(gtid);
  }

  Result<EndedPage> ListEnded(std::size_t most, const std::string& cursor) const override {
    return ended_.List(most, cursor);
  }

  Result<std::unique_ptr<LogBackup>> StartBackup() override {
    return StartLogBackup(path_, backup_taken_);
  }

  void AppendAudit(AuditRow row, Durability durability, AuditDone done) override {
    appended_.store(true);
    Pending pending;
    pending.durability = durability;
    pending.audit = std::make_shared<PendingAudit>(PendingAudit{std::move(row)});
    pending.done = [audit = pending.audit, done = std::move(done)](AppendResult result,
                                                                   const std::string& reason) {
      done(result, reason, result == AppendResult::kDurable ? audit->number : 0);
    };
    group_commit_.Append(std::move(pending));
  }

  Result<AuditPage> ListAudit(const AuditQuery& query) const override {
    auto connection = OpenReader(path_, busy_timeout_);
    if (!connection) return Fail(connection.error());
    return coordinator::ListAudit(*connection, path_, query);
  }

  AuditTotals audit_totals() const override {
    const AuditEnds ends = writer_->audit();
    return {ends.next - ends.first, ends.first - 1, audit_damage_};
  }

  LogTotals totals() const override { return writer_->totals(); }
  LogWrites writes() const override { return writer_->writes(); }
  LogGroups groups() const override { return writer_->groups(); }

  Result<LogCondition> Condition() const override {
    auto connection = OpenReader(path_, busy_timeout_);
    if (!connection) return Fail(connection.error());
    const sqlite::Expected<std::string> journal_mode = connection->Ask("PRAGMA journal_mode");
    if (!journal_mode) return Fail(ErrorOf(journal_mode.error(), path_, "read its journal_mode"));
    const auto size_of = [](const std::string& path) -> std::uint64_t {
      std::error_code none;
      const std::uintmax_t bytes = std::filesystem::file_size(path, none);
      return none ? 0 : bytes;
    };
    return LogCondition{.path = path_,
                        .journal_mode = *journal_mode,
                        .synchronous = writer_->synchronous(),
                        .bytes = size_of(path_),
                        .wal_bytes = size_of(path_ + "-wal"),
                        .keep_ended = keep_ended_};
  }

 private:
  const std::string path_;
  const std::chrono::milliseconds busy_timeout_;
  const std::uint64_t keep_ended_;
  const LogIdentity identity_;
  const std::uint64_t first_at_open_;
  const std::uint64_t last_at_open_;
  const std::string audit_damage_;
  std::atomic<bool> appended_{false};
  std::atomic<bool> backup_taken_{false};
  // Ends in the reverse order: the queue is written, the reader closes, the writer folds the -wal
  // file into the log, and only then may another process have it.
  ProcessLock lock_;
  std::unique_ptr<LogWriter> writer_;
  mutable EndedTransactions ended_;
  GroupCommit group_commit_;
};

}  // namespace

Result<std::unique_ptr<DecisionLog>> OpenSqliteDecisionLog(const SqliteLogSettings& settings) {
  Result<OpenedLog> opened = OpenLog(settings, migrations::coordinator());
  if (!opened) return Fail(opened.error());
  return std::make_unique<SqliteDecisionLog>(settings, *std::move(opened));
}

}  // namespace settle::coordinator
