#include "log/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>

namespace settle::coordinator {
namespace {

tl::unexpected<Error> Unavailable(const std::string& what, int error, const std::string& advice) {
  return Fail(ErrorCode::kUnavailable, fmt::format("{}: {}", what, std::strerror(error)), advice);
}

std::string AdviceFor(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return "run the daemon as the user who owns the log, or correct the permissions";
    case EROFS: return "the file system is read-only: the log needs one that can be written";
    case ENOSPC:
    case EDQUOT: return "make room on the file system and start again";
    case ENOENT: return "make the directory, owned by the daemon's user";
    default: return "correct that and start again; nothing was changed";
  }
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool Exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Status CheckOwnership(const std::string& path, const struct stat& file) {
  if (!S_ISREG(file.st_mode)) {
    return Fail(ErrorCode::kUnavailable,
                path + (S_ISLNK(file.st_mode) ? " is a symbolic link" : " is not a regular file"),
                "name the log's file itself");
  }
  // Two names for one file would mean two lock files, and so two daemons on one log.
  if (file.st_nlink > 1) {
    return Fail(ErrorCode::kUnavailable, path + " has more than one name (hard links)",
                "remove the other names; copy a log only with SQLite's backup");
  }
  if (file.st_uid != ::geteuid()) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("{} belongs to user {}, but this process runs as user {}", path,
                            file.st_uid, ::geteuid()),
                "run the daemon as the user who owns the log, or give the file to this user");
  }
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Fail(ErrorCode::kUnavailable, path + " may be written to by other users",
                "chmod 600 " + path);
  }
  return {};
}

// SQLite itself would already repair or convert a database that another program left behind.
Status CheckBeginning(const std::string& path) {
  constexpr std::size_t kApplicationIdAt = 68;
  std::array<char, 100> bytes{};
  std::ifstream file(path, std::ios::binary);
  if (!file) return Unavailable("cannot read " + path, errno, AdviceFor(errno));
  file.read(bytes.data(), bytes.size());
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    id = id << 8 | static_cast<unsigned char>(bytes[kApplicationIdAt + i]);
  }
  const std::string_view magic("SQLite format 3\0", 16);
  if (std::string_view(bytes.data(), magic.size()) == magic && id == kApplicationId) return {};
  return Fail(ErrorCode::kCorrupt,
              path +
                  " is not a decision log: another program made it, or its beginning is "
                  "damaged; nothing was changed",
              "name the log's own file, or restore a backup");
}

}  // namespace

Result<std::string> ResolveLogPath(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || path.find('\0') != std::string::npos) {
    return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" does not name a file", path),
                "name the log's file, for example /var/lib/settle/settle.db");
  }
  const std::string directory = DirectoryOf(path);
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(directory.c_str(), nullptr),
                                                             &std::free);
  if (resolved == nullptr) {
    const int error = errno;
    return Unavailable("cannot use the log's directory " + directory, error, AdviceFor(error));
  }
  struct stat found {};
  if (::stat(resolved.get(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return Fail(ErrorCode::kUnavailable, directory + " is not a directory",
                "name a file in a directory that the daemon's user may write to");
  }
  const std::string prefix = resolved.get();
  return (prefix == "/" ? prefix : prefix + "/") + name;
}

Result<bool> FindLogFile(const std::string& path) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno != ENOENT) {
      const int error = errno;
      return Unavailable("cannot look at " + path, error, AdviceFor(error));
    }
    // SQLite would delete that -wal file, and with it decisions that were told.
    if (Exists(path + "-wal")) {
      return Fail(ErrorCode::kCorrupt,
                  fmt::format("{} is missing, but {}-wal is there: the log was moved or deleted "
                              "after an unclean stop; nothing was changed",
                              path, path),
                  "put the log's file back beside its -wal file; both together are the log");
    }
    return false;
  }
  if (Status owned = CheckOwnership(path, file); !owned) return Fail(owned.error());
  // A log gets its name when it is complete, so an empty file was never one of ours.
  if (file.st_size == 0) {
    return Fail(ErrorCode::kCorrupt, path + " is empty: it was cut off, or is not a decision log",
                "restore it from a backup; remove it only if there never was a log here");
  }
  if (Status ours = CheckBeginning(path); !ours) return Fail(ours.error());
  if (::access(path.c_str(), R_OK | W_OK) != 0) {
    const int error = errno;
    return Unavailable("cannot read and write " + path, error, AdviceFor(error));
  }
  return true;
}

Status CheckReadable(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) {
    const int error = errno;
    return Fail(ErrorCode::kUnavailable,
                fmt::format("cannot look at {}: {}", path, std::strerror(error)),
                "name the file of a decision log or of a backup");
  }
  if (!S_ISREG(file.st_mode)) {
    return Fail(ErrorCode::kUnavailable, path + " is not a regular file",
                "name the file of a decision log or of a backup");
  }
  return CheckBeginning(path);
}

Result<std::string> MakeNewFile(const std::string& path) {
  RemoveNewFile(path);
  const std::string made = path + ".new";
  const int file = ::open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    const int error = errno;
    return Unavailable("cannot make " + made, error, AdviceFor(error));
  }
  ::close(file);
  return made;
}

Status PublishNewFile(const std::string& path) {
  const std::string made = path + ".new";
  // Crash before: no log, the next start makes another. After: a complete log.
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    const int error = errno;
    if (error != EINVAL && error != ENOSYS) {
      return Unavailable("cannot rename " + made + " to " + path, error, AdviceFor(error));
    }
    // A file system that cannot promise not to replace: the lock keeps other daemons away.
    if (Exists(path) || ::rename(made.c_str(), path.c_str()) != 0) {
      return Unavailable("cannot rename " + made + " to " + path, EEXIST, AdviceFor(EEXIST));
    }
  }
  const std::string directory = DirectoryOf(path);
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  const int error = errno;
  if (folder >= 0) ::close(folder);
  if (synced) return {};
  return Unavailable("cannot sync the directory " + directory, error, AdviceFor(error));
}

void RemoveNewFile(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    ::unlink((path + ".new" + suffix).c_str());
  }
}

}  // namespace settle::coordinator
