// A directory of one's own, removed with everything in it when the object goes.
//
//   settle::testing::TemporaryDirectory directory;
//   const std::string log = directory / "settled.db";
#pragma once

#include <sys/types.h>

#include <string>

namespace settle::testing {

class TemporaryDirectory {
 public:
  // Under `parent`, readable by its owner alone. Its path is short enough for a Unix socket in it:
  // throws std::runtime_error when `parent` has more than 64 bytes, or does not exist.
  explicit TemporaryDirectory(const std::string& parent = DefaultParent());
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // $TMPDIR, or /tmp where that is not set or too long.
  static std::string DefaultParent();

  // Gives it to a server's user; root can still use it.
  void GiveTo(uid_t user, gid_t group);

 private:
  std::string path_;
};

// Directories made from now on are in memory where the system has room for that: for tests whose
// faults are simulated, and which would spend their time waiting for a real disk.
void UseMemoryForDirectories();

}  // namespace settle::testing
