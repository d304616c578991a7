#include "log/log_opening.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <optional>
#include <utility>
#include <vector>

#include "log/audit_table.h"
#include "log/backup.h"
#include "log/failures.h"
#include "log/log_checks.h"
#include "log/log_file.h"
#include "log/restored.h"
#include "log/schema.h"
#include "log/wal_check.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

using sqlite::Access;
using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Transaction;

Result<std::string> MakeLogId() {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t kFair = 256 - 256 % kAlphabet.size();  // from here on some are favoured
  std::string id;
  while (id.size() < kLogIdLength) {
    unsigned char byte = 0;
    if (::getrandom(&byte, 1, 0) != 1) {
      return Fail(ErrorCode::kInternal, "the system gives no random bytes for a log id");
    }
    if (byte < kFair) id += kAlphabet[byte % kAlphabet.size()];
  }
  return id;
}

// Sets a pragma and reads it back: SQLite ignores what it does not know or cannot do.
Status Insist(Connection& connection, const std::string& path, const std::string& pragma,
              const std::string& value, const std::string& read_back) {
  if (auto set = connection.Ask(fmt::format("PRAGMA {} = {}", pragma, value)); !set) {
    return Fail(ErrorOf(set.error(), path, fmt::format("set {} = {}", pragma, value)));
  }
  const Expected<std::string> is = connection.Ask("PRAGMA " + pragma);
  if (!is) return Fail(ErrorOf(is.error(), path, "read back " + pragma));
  if (*is == read_back) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{}: {} was set to {}, but reads \"{}\": decisions would not be durable, "
                          "so the log is refused",
                          path, pragma, value, Escaped(*is)),
              "keep the log on a local file system, and use an unmodified SQLite");
}

// The settings that live with the connection. On macOS alone fullfsync makes a difference.
Status Configure(Connection& connection, const std::string& path, const std::string& journal) {
  struct Setting {
    std::string pragma;
    std::string value;
    std::string read_back;
  };
  const Setting settings[] = {
      {"trusted_schema", "0", "0"},
      {"cell_size_check", "1", "1"},
      {"mmap_size", "0", "0"},
      {"fullfsync", "1", "1"},
      {"checkpoint_fullfsync", "1", "1"},
      {"wal_autocheckpoint", "0", "0"},
      {"journal_size_limit", "67108864", "67108864"},
      // Debian's SQLite overwrites what is deleted: a second time the bytes for what is pruned.
      {"secure_delete", "FAST", "2"},
      {"journal_mode", journal, journal},
      {"synchronous", "FULL", "2"},
  };
  for (const Setting& setting : settings) {
    if (Status set = Insist(connection, path, setting.pragma, setting.value, setting.read_back);
        !set) {
      return set;
    }
  }
  return {};
}

Expected<void> CommitFacts(Connection& connection, const LogFacts& facts,
                           const std::optional<Seals::Key>& seal = std::nullopt) {
  Expected<Transaction> transaction = Transaction::Begin(connection);
  if (!transaction) return tl::unexpected<Failure>(std::move(transaction.error()));
  if (auto written = WriteFacts(connection, facts); !written) return written;
  if (seal) {
    if (auto written = WriteSeal(connection, facts.epoch, *seal); !written) return written;
  }
  return transaction->Commit();
}

Status FillNewLog(const std::string& made, const SqliteLogSettings& settings,
                  std::span<const Migration> migrations) {
  Result<std::string> log_id = MakeLogId();
  if (!log_id) return Fail(log_id.error());
  Expected<Connection> connection =
      Connection::Open(made, Access::kReadWrite, settings.busy_timeout);
  if (!connection) return Fail(ErrorOf(connection.error(), made, "make a new log"));
  if (Status set = Configure(*connection, made, "delete"); !set) return set;
  if (Status migrated = Migrate(*connection, made, migrations); !migrated) return migrated;
  const LogFacts facts{*std::move(log_id), 0, Tail::kHere};
  if (auto written = CommitFacts(*connection, facts); !written) {
    return Fail(ErrorOf(written.error(), made, "make a new log"));
  }
  return {};
}

Status MakeLog(const std::string& path, const SqliteLogSettings& settings,
               std::span<const Migration> migrations) {
  const Result<std::string> made = MakeNewFile(path);
  if (!made) return Fail(made.error());
  Status status = FillNewLog(*made, settings, migrations);
  SETTLE_FAILPOINT("log.create.filled");
  if (status) status = PublishNewFile(path);
  if (!status) RemoveNewFile(path);
  return status;
}

// Moves everything into the main file and syncs it. This also writes anew what an earlier life may
// have failed to sync and the page cache only pretends to hold: nothing is acted upon before that.
Status FoldWal(Connection& connection, const std::string& path) {
  int in_wal = 0;
  int moved = 0;
  if (sqlite3_wal_checkpoint_v2(connection.raw(), nullptr, SQLITE_CHECKPOINT_FULL, &in_wal,
                                &moved) != SQLITE_OK) {
    return Fail(ErrorOf(connection.failure(), path, "bring the -wal file's contents into the log"));
  }
  if (moved == in_wal) return {};
  return Fail(ErrorCode::kUnavailable,
              path + ": another program's reading keeps the -wal file's contents out of the log",
              "close the programs, perhaps a sqlite3 shell, that have the log open");
}

Status RaiseEpoch(Connection& connection, const std::string& path, LogFacts& facts) {
  // Not that of an earlier life, of which this log may be a copy.
  Seals::Key seal{};
  if (::getrandom(seal.data(), seal.size(), 0) != static_cast<ssize_t>(seal.size()))
    return Fail(ErrorCode::kInternal, "the system gives no random bytes for gtids");
  const auto commit = [&](Tail tail) -> Status {
    facts.tail = tail;
    if (auto written = CommitFacts(connection, facts, seal); !written) {
      return Fail(ErrorOf(written.error(), path, "raise the epoch"));
    }
    return {};
  };
  ++facts.epoch;
  if (Status raised = commit(Tail::kInWal); !raised) return raised;
  SETTLE_FAILPOINT("log.open.epoch_raised");
  if (Status folded = FoldWal(connection, path); !folded) return folded;
  SETTLE_FAILPOINT("log.open.folded");
  return commit(Tail::kHere);
}

// A backup is older than what participants have seen, and does not know of how much: served from as
// it is, abort would be presumed of what was committed since.
Status RefuseBackup(Connection& connection, const std::string& path) {
  const Result<std::optional<BackupMark>> mark = ReadBackupMark(connection, path);
  if (!mark) return Fail(mark.error());
  if (!*mark) return {};
  return Fail(ErrorCode::kRefused,
              fmt::format("{} is a backup, taken in epoch {} with records up to position {}: what "
                          "was decided since is not in it, so it is not served from; nothing was "
                          "changed",
                          path, (*mark)->epoch, (*mark)->position),
              fmt::format("keep it as it is, and make a log of it that knows what it has lost: "
                          "settle restore {} LOGFILE",
                          path));
}

// Recovery never reads the trail, so damage in it is no reason to decide nothing: it is said.
Result<std::string> CheckAudit(Connection& connection, const std::string& path,
                               const AuditEnds& ends) {
  Expected<std::string> damage = VerifyAudit(connection, ends);
  if (!damage) return Fail(ErrorOf(damage.error(), path, "read the audit trail"));
  return *std::move(damage);
}

// From a file that is there and ours to one that may be appended to.
Result<LogFacts> TakeIntoUse(Connection& connection, const std::string& path, bool has_wal,
                             std::span<const Migration> migrations) {
  if (Status known = CheckSchema(connection, path, migrations); !known) return Fail(known.error());
  if (Status sound = CheckStructure(connection, path, Structure::kQuick); !sound) {
    return Fail(sound.error());
  }
  Result<LogFacts> facts = ReadFacts(connection, path);
  if (!facts) return facts;
  if (Status whole = CheckTail(*facts, has_wal, path); !whole) return Fail(whole.error());
  if (Status served = RefuseBackup(connection, path); !served) return Fail(served.error());
  // Nothing was written until here; everything above leaves the files as they were found.
  if (Status set = Configure(connection, path, "wal"); !set) return Fail(set.error());
  if (Status migrated = Migrate(connection, path, migrations); !migrated) {
    return Fail(migrated.error());
  }
  if (Status raised = RaiseEpoch(connection, path, *facts); !raised) return Fail(raised.error());
  return facts;
}

}  // namespace

Result<Connection> OpenReader(const std::string& path, std::chrono::milliseconds busy_timeout) {
  Expected<Connection> connection = Connection::Open(path, Access::kReadOnly, busy_timeout);
  if (!connection) return Fail(ErrorOf(connection.error(), path, "open it for reading"));
  return *std::move(connection);
}

Result<Connection> OpenUnserved(const std::string& path, bool has_wal) {
  constexpr std::chrono::milliseconds kPatience{5'000};
  const Access access = has_wal ? Access::kReadOnly : Access::kImmutable;
  Expected<Connection> connection = Connection::Open(path, access, kPatience);
  if (!connection) return Fail(ErrorOf(connection.error(), path, "open it for reading"));
  // What is found in a damaged schema must not be run.
  if (auto set = connection->Run("PRAGMA trusted_schema = 0; PRAGMA cell_size_check = 1"); !set) {
    return Fail(ErrorOf(set.error(), path, "open it for reading"));
  }
  return *std::move(connection);
}

Result<OpenedLog> OpenLog(const SqliteLogSettings& settings,
                          std::span<const Migration> migrations) {
  Result<std::string> path = ResolveLogPath(settings.path);
  if (!path) return Fail(path.error());
  Result<ProcessLock> lock = ProcessLock::Take(*path);
  if (!lock) return Fail(lock.error());
  const Result<bool> there = FindLogFile(*path);
  if (!there) return Fail(there.error());
  if (!*there) {
    if (Status made = MakeLog(*path, settings, migrations); !made) return Fail(made.error());
  }
  const Result<bool> has_wal = CheckWal(*path);
  if (!has_wal) return Fail(has_wal.error());

  Expected<Connection> connection =
      Connection::Open(*path, Access::kReadWrite, settings.busy_timeout);
  if (!connection) return Fail(ErrorOf(connection.error(), *path, "open the log"));
  // Until the log is known to be whole, closing it must not change its files either.
  sqlite3_db_config(connection->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  Result<LogFacts> facts = TakeIntoUse(*connection, *path, *has_wal, migrations);
  if (!facts) return Fail(facts.error());
  Result<LogState> state = CountWhatIsThere(*connection, *path);
  if (!state) return Fail(state.error());
  const Result<std::string> audit_damage = CheckAudit(*connection, *path, state->audit);
  if (!audit_damage) return Fail(audit_damage.error());
  Result<std::map<Epoch, Seals::Key>> seals = ReadSeals(*connection, *path);
  if (!seals) return Fail(seals.error());
  const Result<std::vector<Restoration>> restored = ReadRestorations(*connection, *path);
  if (!restored) return Fail(restored.error());
  RemoveBackupFile(*path);
  Result<Connection> reader = OpenReader(*path, settings.busy_timeout);
  if (!reader) return Fail(reader.error());
  sqlite3_db_config(connection->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  auto writer = LogWriter::Make(*std::move(connection), {*state, settings.checkpoint_pages,
                                                         settings.prune, settings.keep_audit});
  if (!writer) return Fail(ErrorOf(writer.error(), *path, "prepare for writing"));
  return OpenedLog{*std::move(path),
                   {facts->log_id, facts->epoch, LostIn(*restored), Seals(*std::move(seals))},
                   state->pruned.first_position,
                   state->next_position - 1,
                   *audit_damage,
                   *std::move(lock),
                   *std::move(writer),
                   *std::move(reader)};
}

}  // namespace settle::coordinator
