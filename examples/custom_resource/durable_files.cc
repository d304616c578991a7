#include "durable_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace fs = std::filesystem;

namespace {

[[noreturn]] void Throw(const char* what, const fs::path& path, int error) {
  throw fs::filesystem_error(what, path, {error, std::generic_category()});
}

int Open(const fs::path& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (file < 0) Throw("open", path, errno);
  return file;
}

}  // namespace

void Sync(const fs::path& path) {
  const int file = Open(path, O_RDONLY);
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (error != 0) Throw("sync", path, error);
}

void WriteDurably(const fs::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  if (!file.write(content.data(), static_cast<std::streamsize>(content.size())).flush()) {
    Throw("write", path, errno);
  }
  Sync(path);
}

std::uintmax_t InodeOf(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) Throw("stat", path, errno);
  return status.st_ino;
}

FileLock::FileLock(const fs::path& path) : file_(Open(path, O_RDWR | O_CREAT)) {
  if (::flock(file_, LOCK_EX) == 0) return;
  const int error = errno;
  ::close(file_);
  Throw("lock", path, error);
}

FileLock::~FileLock() { ::close(file_); }
