#include "log/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "log/failures.h"
#include "log/log_file.h"
#include "log/log_opening.h"
#include "log/meta.h"
#include "log/restored.h"
#include "log/schema.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

using sqlite::Access;
using sqlite::Connection;
using sqlite::Transaction;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPatience{250};  // of one Await
constexpr std::chrono::milliseconds kBusyTimeout{5'000};
constexpr int kPagesAtOnce = 64;
// Room that a backup leaves to the log: one that takes the last of it would stop commits.
constexpr std::uint64_t kRoomLeft = 64 * 1024 * 1024;

std::uint64_t AskNumber(Connection& connection, const std::string& sql) {
  std::uint64_t number = 0;
  if (const auto answer = connection.Ask(sql)) ParseNumber(*answer, number);
  return number;
}

Status CheckRoom(const std::string& path, std::uint64_t size) {
  struct statvfs room {};
  if (::statvfs(path.c_str(), &room) != 0) return {};  // the copying will say
  const std::uint64_t free = room.f_bavail * room.f_frsize;
  if (free >= size + kRoomLeft) return {};
  return Fail(ErrorCode::kUnavailable,
              fmt::format("a backup of {} needs {} MB beside it for as long as it is fetched, and "
                          "{} MB are free; {} MB stay for the log itself",
                          path, (size >> 20) + 1, free >> 20, kRoomLeft >> 20),
              "make room on the log's file system; nothing was written");
}

Status MakeFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("cannot make {}: {}", path, std::strerror(errno)),
                "the daemon's user must be able to write to the log's directory");
  }
  ::close(file);
  return {};
}

class SqliteBackup final : public LogBackup {
 public:
  SqliteBackup(std::string log_path, std::atomic<bool>& taken)
      : log_path_(std::move(log_path)), path_(BackupPathOf(log_path_)), taken_(taken) {}

  ~SqliteBackup() override {
    copier_ = {};  // ends it, and waits
    if (file_ >= 0) ::close(file_);
    RemoveBackupFile(log_path_);
    taken_ = false;
  }

  // Opens the snapshot, so that what was durable before is in it.
  Status Start() {
    RemoveBackupFile(log_path_);
    Result<Connection> log = OpenReader(log_path_, kBusyTimeout);
    if (!log) return Fail(log.error());
    // What is decided from now on may not be in it, however long the copying takes.
    moment_ = std::chrono::duration_cast<std::chrono::microseconds>(
                  std::chrono::system_clock::now().time_since_epoch())
                  .count();
    if (auto begun = log->Run("BEGIN; SELECT count(*) FROM meta"); !begun) {
      return Fail(ErrorOf(begun.error(), log_path_, "read it for a backup"));
    }
    progress_.size = AskNumber(*log, "PRAGMA page_count") * AskNumber(*log, "PRAGMA page_size");
    if (Status room = CheckRoom(log_path_, progress_.size); !room) return room;
    if (Status made = MakeFile(path_); !made) return made;
    copier_ = std::jthread([this, log = *std::move(log)](const std::stop_token& stop) mutable {
      Finish(Copy(std::move(log), stop));
    });
    return {};
  }

  Result<Progress> Await() override {
    std::unique_lock lock(mutex_);
    finished_.wait_for(lock, kPatience, [this] { return end_.has_value(); });
    if (end_ && !*end_) return Fail(end_->error());
    return progress_;
  }

  Result<std::string> Read(std::uint64_t offset, std::size_t most) override {
    {
      const std::lock_guard lock(mutex_);
      if (end_ && !*end_) return Fail(end_->error());
      if (!end_) return Fail(ErrorCode::kRefused, "the backup is not complete yet");
    }
    std::string bytes(most, '\0');
    const ssize_t size = ::pread(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("cannot read {}: {}", path_, std::strerror(errno)));
    }
    bytes.resize(static_cast<std::size_t>(size));
    return bytes;
  }

 private:
  void Finish(Status end) {
    const std::lock_guard lock(mutex_);
    if (end) {
      file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
      if (file_ < 0) {
        end = Fail(ErrorCode::kUnavailable,
                   fmt::format("cannot read {}: {}", path_, std::strerror(errno)));
      } else {
        progress_.size = static_cast<std::uint64_t>(::lseek(file_, 0, SEEK_END));
        progress_.copied = progress_.size;
        progress_.complete = true;
      }
    }
    end_ = std::move(end);
    finished_.notify_all();
  }

  // The copy needs no durability: whoever fetches it sees to that.
  Status Copy(Connection log, const std::stop_token& stop) {
    {
      auto copy = Connection::Open(path_, Access::kReadWrite, kBusyTimeout);
      if (!copy) return Fail(ErrorOf(copy.error(), path_, "make a backup"));
      if (auto set = copy->Run("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF"); !set) {
        return Fail(ErrorOf(set.error(), path_, "make a backup"));
      }
      if (Status copied = CopyPages(log, *copy, stop); !copied) return copied;
    }
    log = Connection();  // the snapshot ends
    SETTLE_FAILPOINT("log.backup.copied");
    auto copy = Connection::Open(path_, Access::kReadWrite, kBusyTimeout);
    if (!copy) return Fail(ErrorOf(copy.error(), path_, "mark it as a backup"));
    return Mark(*copy);
  }

  Status CopyPages(Connection& log, Connection& copy, const std::stop_token& stop) {
    const auto page_size = AskNumber(log, "PRAGMA page_size");
    sqlite3_backup* const backup = sqlite3_backup_init(copy.raw(), "main", log.raw(), "main");
    if (backup == nullptr) return Fail(ErrorOf(copy.failure(), path_, "make a backup"));
    int result = SQLITE_OK;
    while (result == SQLITE_OK && !stop.stop_requested()) {
      const auto from = std::chrono::steady_clock::now();
      result = sqlite3_backup_step(backup, kPagesAtOnce);
      const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup));
      const auto all = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup));
      {
        const std::lock_guard lock(mutex_);
        progress_.size = all * page_size;
        progress_.copied = (all - left) * page_size;
      }
      // Half of the time the disk is left to the commits.
      std::this_thread::sleep_for(
          std::min<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - from, 20ms));
    }
    const int finished = sqlite3_backup_finish(backup);
    if (result == SQLITE_DONE && finished == SQLITE_OK) return {};
    if (stop.stop_requested()) return Fail(ErrorCode::kRetry, "the backup was given up");
    return Fail(ErrorOf(copy.failure(), path_, "make a backup"));
  }

  Status Mark(Connection& copy) {
    const auto failed = [&](const sqlite::Failure& failure) {
      return Fail(ErrorOf(failure, path_, "mark it as a backup"));
    };
    // One file, that says of itself that it is whole and what it is.
    const auto mode = copy.Ask("PRAGMA journal_mode = DELETE");
    if (!mode) return failed(mode.error());
    if (*mode != "delete") {
      return Fail(ErrorCode::kInternal, path_ + " keeps a -wal file: journal mode " + *mode);
    }
    const Result<LogFacts> facts = ReadFacts(copy, path_);
    if (!facts) return Fail(facts.error());
    const BackupMark mark{moment_, facts->epoch,
                          AskNumber(copy, "SELECT max(position) FROM record")};
    auto transaction = Transaction::Begin(copy);
    if (!transaction) return failed(transaction.error());
    if (auto run = WriteBackupMark(copy, mark); !run) return failed(run.error());
    if (auto run = WriteTail(copy, Tail::kHere); !run) return failed(run.error());
    if (auto run = transaction->Commit(); !run) return failed(run.error());
    return {};
  }

  const std::string log_path_;
  const std::string path_;
  std::atomic<bool>& taken_;
  WallTime moment_ = 0;  // of the snapshot
  std::mutex mutex_;
  std::condition_variable finished_;
  Progress progress_;          // guarded by mutex_
  std::optional<Status> end_;  // likewise; of the copying
  int file_ = -1;              // likewise; once complete
  std::jthread copier_;
};

}  // namespace

std::string BackupPathOf(const std::string& log_path) { return log_path + ".being-fetched"; }

void RemoveBackupFile(const std::string& log_path) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    ::unlink((BackupPathOf(log_path) + suffix).c_str());
  }
}

Result<std::unique_ptr<LogBackup>> StartLogBackup(const std::string& log_path,
                                                  std::atomic<bool>& taken) {
  if (taken.exchange(true)) {
    return Fail(ErrorCode::kRetry, "another backup of this log is being made or fetched",
                "wait until it is done: one at a time, so that they do not fill the disk");
  }
  auto backup = std::make_unique<SqliteBackup>(log_path, taken);
  if (Status started = backup->Start(); !started) return Fail(started.error());
  return backup;
}

}  // namespace settle::coordinator
