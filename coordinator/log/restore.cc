#include "log/restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "log/failures.h"
#include "log/log_file.h"
#include "log/log_opening.h"
#include "log/process_lock.h"
#include "log/schema.h"
#include "log/wal_check.h"
#include "migrations/coordinator.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

using sqlite::Access;
using sqlite::Connection;
using sqlite::Transaction;

constexpr std::chrono::milliseconds kBusyTimeout{5'000};

// Seconds since 1970 are more than any number of starts, and grow: a second restore from the same
// backup comes to a higher epoch than the first, whose transactions participants have seen. Should
// the clock be wrong, they refuse the log.
Epoch LastEpochBefore(const RestoreCall& call, const LogReport& backup) {
  if (call.nothing_was_lost) {
    // Each restore is known by its epoch: one that nobody started since has it already.
    const auto& before = backup.restored;
    const Epoch another = before.empty() ? 0 : before.back().epoch + 1;
    return std::max({backup.epoch, call.epoch_above, another});
  }
  const auto seconds = static_cast<Epoch>(std::max<WallTime>(call.now, 0) / 1'000'000);
  return std::max({backup.epoch + kEpochsSkipped, seconds, call.epoch_above});
}

Restoration RestorationOf(const RestoreCall& call, const LogReport& backup) {
  Restoration restoration;
  restoration.epoch = LastEpochBefore(call, backup);
  if (!call.nothing_was_lost) restoration.lost_from = backup.epoch;
  if (backup.backup) restoration.taken = backup.backup->taken;
  restoration.restored = call.now;
  restoration.by = call.by;
  restoration.reason = call.reason;
  return restoration;
}

Status Fill(const std::string& made, const std::string& from, const LogReport& backup,
            const Restoration& restoration) {
  const auto failed = [&](const sqlite::Failure& failure) {
    return Fail(ErrorOf(failure, made, "restore a log"));
  };
  const Result<bool> has_wal = CheckWal(from);
  if (!has_wal) return Fail(has_wal.error());
  Result<Connection> source = OpenUnserved(from, *has_wal);
  if (!source) return Fail(source.error());
  {
    auto target = Connection::Open(made, Access::kReadWrite, kBusyTimeout);
    if (!target) return failed(target.error());
    if (auto copied = source->CopyTo(*target); !copied) return failed(copied.error());
  }
  auto target = Connection::Open(made, Access::kReadWrite, kBusyTimeout);
  if (!target) return failed(target.error());
  if (auto set = target->Run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL"); !set) {
    return failed(set.error());
  }
  if (Status migrated = Migrate(*target, made, migrations::coordinator()); !migrated) {
    return migrated;
  }
  auto transaction = Transaction::Begin(*target);
  if (!transaction) return failed(transaction.error());
  const LogFacts facts{backup.log_id, restoration.epoch, Tail::kHere};
  if (auto run = WriteFacts(*target, facts); !run) return failed(run.error());
  if (auto run = RemoveBackupMark(*target); !run) return failed(run.error());
  if (auto run = AddRestoration(*target, restoration, backup.restored.size()); !run) {
    return failed(run.error());
  }
  SETTLE_FAILPOINT("log.restore.inside");
  if (auto run = transaction->Commit(); !run) return failed(run.error());
  return {};
}

Status Sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (synced) return {};
  return Fail(ErrorCode::kUnavailable,
              fmt::format("cannot sync {}: {}", path, std::strerror(error)),
              "look for disk errors in the system's log");
}

Status CheckFree(const std::string& log) {
  const Result<bool> there = FindLogFile(log);
  if (!there) return Fail(there.error());
  if (!*there) return {};
  return Fail(
      ErrorCode::kRefused,
      fmt::format("{} is there already, and a log is never overwritten; nothing was changed", log),
      "move it and its -wal file aside, even a damaged one: it may be all that knows some "
      "decisions");
}

Status CheckEpoch(const RestoreCall& call, const LogReport& backup) {
  const Epoch next = LastEpochBefore(call, backup);
  if (next < static_cast<Epoch>(std::numeric_limits<std::int64_t>::max() / 2)) return {};
  return Fail(ErrorCode::kInvalid, fmt::format("no epoch can follow {}", next),
              "name an epoch that a participant has seen");
}

}  // namespace

Result<LogReport> RestoreLog(const RestoreCall& call, const VerifyProgress& progress) {
  const Result<std::string> log = ResolveLogPath(call.log);
  if (!log) return Fail(log.error());
  Result<LogReport> backup = VerifyLog(call.backup, progress);
  if (!backup) return backup;
  if (Status possible = CheckEpoch(call, *backup); !possible) return Fail(possible.error());
  const Result<ProcessLock> lock = ProcessLock::Take(*log);
  if (!lock) return Fail(lock.error());
  if (Status free = CheckFree(*log); !free) return Fail(free.error());
  const Result<std::string> made = MakeNewFile(*log);
  if (!made) return Fail(made.error());
  Status status = Fill(*made, backup->path, *backup, RestorationOf(call, *backup));
  SETTLE_FAILPOINT("log.restore.filled");
  // What was written is read again before it is trusted with anything.
  Result<LogReport> report = *backup;
  if (status) report = VerifyLog(*made, progress);
  if (status && !report) status = Fail(report.error());
  if (status) status = Sync(*made);
  if (status) status = PublishNewFile(*log);
  if (!status) {
    RemoveNewFile(*log);
    return Fail(status.error());
  }
  report->path = *log;
  return report;
}

}  // namespace settle::coordinator
