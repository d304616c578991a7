#include "log/log_opening.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "log/failures.h"
#include "log/log_file.h"
#include "log/pruned_ranges.h"
#include "log/schema.h"
#include "log/wal_check.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

using sqlite::Access;
using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;
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

Expected<void> CommitFacts(Connection& connection, const LogFacts& facts) {
  Expected<Transaction> transaction = Transaction::Begin(connection);
  if (!transaction) return tl::unexpected<Failure>(std::move(transaction.error()));
  if (auto written = WriteFacts(connection, facts); !written) return written;
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

Status CheckStructure(Connection& connection, const std::string& path) {
  const Expected<std::string> found = connection.Ask("PRAGMA quick_check(1)");
  if (!found) return Fail(ErrorOf(found.error(), path, "check the log's structure"));
  if (*found == "ok") return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is damaged: {}; nothing was changed", path, Escaped(*found)),
              "nothing may be presumed from a damaged log: keep it, and restore a backup");
}

// The main file says that there is more in its -wal file. A -wal file that is gone was deleted, or
// left behind by a copy: what was in it was told to people and is nowhere else. A clean stop leaves
// none and says so; so does a sqlite3 shell that opens the log after a crash, because it brings
// everything over.
Status CheckTail(const LogFacts& facts, bool has_wal, const std::string& path) {
  if (facts.tail == Tail::kHere || has_wal) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is incomplete: its newest records were in {}-wal, which is missing, "
                          "empty or unreadable; nothing was changed",
                          path, path),
              "put the -wal file back beside it, or restore a backup made with SQLite's backup; a "
              "copy of the main file alone is not one");
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
  const auto commit = [&](Tail tail) -> Status {
    facts.tail = tail;
    if (auto written = CommitFacts(connection, facts); !written) {
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

Status CheckPruned(Connection& connection, const std::string& path, const Pruned& pruned) {
  const Expected<std::uint64_t> named = CountPruned(connection);
  if (!named) return Fail(ErrorOf(named.error(), path, "count pruned transactions"));
  if (*named == pruned.transactions) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is damaged: {} transactions were pruned, and it names {} of them; "
                          "nothing may be presumed of the others",
                          path, pruned.transactions, *named),
              "keep the file, and restore a backup");
}

Result<LogState> CountWhatIsThere(Connection& connection, const std::string& path) {
  LogState state;
  Result<Pruned> pruned = ReadPruned(connection, path);
  if (!pruned) return Fail(pruned.error());
  if (Status whole = CheckPruned(connection, path, *pruned); !whole) return Fail(whole.error());
  state.pruned = *pruned;
  state.totals = pruned->totals;
  const Expected<std::string> last = connection.Ask("SELECT max(position) FROM record");
  if (!last) return Fail(ErrorOf(last.error(), path, "find the last record"));
  std::uint64_t position = 0;
  std::from_chars(last->data(), last->data() + last->size(), position);
  state.next_position = std::max(position + 1, pruned->first_position);
  Expected<Statement> outcomes =
      Statement::Prepare(connection, "SELECT outcome, count(*) FROM ended GROUP BY outcome");
  if (!outcomes) return Fail(ErrorOf(outcomes.error(), path, "count ended transactions"));
  for (;;) {
    const Expected<bool> row = outcomes->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "count ended transactions"));
    if (!*row) return state;
    Count(static_cast<Outcome>(outcomes->Number(0)), outcomes->Number(1), state.totals);
    state.ended += static_cast<std::uint64_t>(outcomes->Number(1));
  }
}

// From a file that is there and ours to one that may be appended to.
Result<LogFacts> TakeIntoUse(Connection& connection, const std::string& path, bool has_wal,
                             std::span<const Migration> migrations) {
  if (Status known = CheckSchema(connection, path, migrations); !known) return Fail(known.error());
  if (Status sound = CheckStructure(connection, path); !sound) return Fail(sound.error());
  Result<LogFacts> facts = ReadFacts(connection, path);
  if (!facts) return facts;
  if (Status whole = CheckTail(*facts, has_wal, path); !whole) return Fail(whole.error());
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
  const Result<LogState> state = CountWhatIsThere(*connection, *path);
  if (!state) return Fail(state.error());
  Result<Connection> reader = OpenReader(*path, settings.busy_timeout);
  if (!reader) return Fail(reader.error());
  sqlite3_db_config(connection->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  auto writer =
      LogWriter::Make(*std::move(connection), {*state, settings.checkpoint_pages, settings.prune});
  if (!writer) return Fail(ErrorOf(writer.error(), *path, "prepare for writing"));
  return OpenedLog{*std::move(path),
                   {facts->log_id, facts->epoch},
                   state->pruned.first_position,
                   state->next_position - 1,
                   *std::move(lock),
                   *std::move(writer),
                   *std::move(reader)};
}

}  // namespace settle::coordinator
