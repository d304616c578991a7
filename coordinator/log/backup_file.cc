#include "log/backup_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "log/log_file.h"

namespace settle::coordinator {
namespace {

tl::unexpected<Error> CannotWrite(const std::string& path) {
  return Fail(ErrorCode::kUnavailable,
              fmt::format("cannot write {}: {}", path, std::strerror(errno)),
              "make room, or name another place");
}

}  // namespace

Result<BackupFile> BackupFile::Make(const std::string& path) {
  Result<std::string> resolved = ResolveLogPath(path);
  if (!resolved) return Fail(resolved.error());
  struct stat there {};
  if (::lstat(resolved->c_str(), &there) == 0) {
    return Fail(ErrorCode::kRefused,
                fmt::format("{} is there already, and is not overwritten", *resolved),
                "name a file that does not exist");
  }
  const Result<std::string> made = MakeNewFile(*resolved);
  if (!made) return Fail(made.error());
  const int file = ::open(made->c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return CannotWrite(*made);
  return BackupFile(*std::move(resolved), file);
}

BackupFile::BackupFile(BackupFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), file_(std::exchange(other.file_, -1)) {}

BackupFile::~BackupFile() {
  if (file_ >= 0) ::close(file_);
  if (!path_.empty()) RemoveNewFile(path_);
}

Status BackupFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotWrite(path_ + ".new");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<LogReport> BackupFile::Publish(const VerifyProgress& progress) {
  if (::fsync(file_) != 0) return CannotWrite(path_ + ".new");
  Result<LogReport> report = VerifyLog(path_ + ".new", progress);
  if (!report) return report;
  if (!report->backup) {
    return Fail(ErrorCode::kCorrupt,
                "what was fetched is a log, and does not say that it is a backup",
                "do not use it: begin anew");
  }
  if (Status published = PublishNewFile(path_); !published) return Fail(published.error());
  report->path = std::exchange(path_, {});
  return report;
}

}  // namespace settle::coordinator
