#include "support/temporary_directory.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace settle::testing {
namespace {

// A Unix socket's path is at most 107 bytes; PostgreSQL adds ".s.PGSQL.<port>".
constexpr std::size_t kParentLengthMost = 64;

}  // namespace

std::string TemporaryDirectory::DefaultParent() {
  const char* wanted = std::getenv("TMPDIR");
  if (wanted == nullptr || *wanted != '/') return "/tmp";
  return std::string(wanted).size() > kParentLengthMost ? "/tmp" : wanted;
}

TemporaryDirectory::TemporaryDirectory(const std::string& parent)
    : path_(parent + "/settle-XXXXXX") {
  if (parent.size() > kParentLengthMost) {
    throw std::runtime_error("the directory " + parent + " has a path of more than " +
                             std::to_string(kParentLengthMost) +
                             " bytes: too long for Unix sockets in it");
  }
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("no temporary directory " + path_ + ": " +
                             std::system_category().message(errno));
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryDirectory::GiveTo(uid_t user, gid_t group) {
  if (::chown(path_.c_str(), user, group) != 0) {
    throw std::runtime_error("chown of " + path_ + ": " + std::system_category().message(errno));
  }
}

void UseMemoryForDirectories() {
  if (::access("/dev/shm", W_OK | X_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
}

}  // namespace settle::testing
