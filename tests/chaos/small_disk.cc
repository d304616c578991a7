#include "chaos/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

namespace settle::testing {
namespace {

std::string Why(const char* what) {
  return std::string(what) + ": " + std::system_category().message(errno);
}

// Mounts of this process are seen by nobody else from the first disk on.
std::string Separate() {
  static const std::string why = [] {
    if (::unshare(CLONE_NEWNS) != 0) return Why("a mount namespace");
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return Why("private mounts");
    return std::string();
  }();
  return why;
}

}  // namespace

SmallDisk::SmallDisk(std::string directory, int megabytes)
    : directory_(std::move(directory)), denied_(Separate()) {
  std::filesystem::create_directories(directory_);
  const std::string size = "mode=0700,size=" + std::to_string(megabytes) + "m";
  if (denied_.empty() && ::mount("none", directory_.c_str(), "tmpfs", 0, size.c_str()) != 0) {
    denied_ = Why("a tmpfs");
  }
}

SmallDisk::~SmallDisk() {
  if (denied_.empty()) ::umount2(directory_.c_str(), MNT_DETACH);
}

bool SmallDisk::Fill() {
  const int file = ::open(BallastPath().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const std::vector<char> megabyte(1 << 20);
  std::size_t size = megabyte.size();
  // The last page too, which a smaller write still finds.
  while (size > 0) {
    const ssize_t written = ::write(file, megabyte.data(), size);
    if (written < 0 && errno != ENOSPC) break;
    if (written < static_cast<ssize_t>(size)) size /= 2;
  }
  ::close(file);
  return size == 0;
}

void SmallDisk::MakeRoom() {
  std::error_code gone;
  std::filesystem::remove(BallastPath(), gone);
}

}  // namespace settle::testing
