#include "log/process_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

std::string HolderIn(int file) {
  std::array<char, 200> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  if (size <= 0) return "another process";
  std::string holder(text.data(), static_cast<std::size_t>(size));
  return Escaped(holder.substr(0, holder.find('\n')));
}

std::string Myself() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("process {} on {}\n", ::getpid(), host.data());
}

}  // namespace

Result<ProcessLock> ProcessLock::TakeIfThere(const std::string& log_path) {
  const std::string path = log_path + ".lock";
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ProcessLock lock(file);
  if (file < 0 && errno == ENOENT) return lock;
  if (file >= 0 && ::flock(file, LOCK_SH | LOCK_NB) == 0) return lock;
  const int error = errno;
  if (file >= 0 && error == EWOULDBLOCK) {
    return Fail(ErrorCode::kRefused, fmt::format("{} is in use by {}", log_path, HolderIn(file)),
                "'settle backup' makes a copy while the daemon serves, and verifies that");
  }
  return Fail(ErrorCode::kUnavailable,
              fmt::format("cannot see whether a daemon uses {}: {}: {}", log_path, path,
                          std::strerror(error)),
              "run this as the user who owns the log");
}

Result<ProcessLock> ProcessLock::Take(const std::string& log_path) {
  const std::string path = log_path + ".lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    const int error = errno;
    return Fail(ErrorCode::kUnavailable,
                fmt::format("cannot open the lock file {}: {}", path, std::strerror(error)),
                error == ELOOP
                    ? "it is a symbolic link, which is never followed: remove it"
                    : "the daemon's user must be able to write to the directory and the file");
  }
  ProcessLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("cannot lock {}: {}", path, std::strerror(error)),
                  "keep the log on a file system that supports flock");
    }
    return Fail(ErrorCode::kRefused,
                fmt::format("the log {} is in use by {}", log_path, HolderIn(file)),
                "one log has one daemon: stop that one first, or use another path");
  }
  // Only for people: the lock is what counts, so a failure to say who holds it is no failure.
  const std::string myself = Myself();
  if (::ftruncate(file, 0) == 0) {
    static_cast<void>(!::pwrite(file, myself.data(), myself.size(), 0));
  }
  return lock;
}

ProcessLock::~ProcessLock() {
  if (file_ >= 0) ::close(file_);
}

ProcessLock::ProcessLock(ProcessLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

}  // namespace settle::coordinator
