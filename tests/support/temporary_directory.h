// A directory of a test's own, removed with everything in it when the object goes.
//
//   settle::testing::TemporaryDirectory directory;
//   const std::string log = directory / "settled.db";
#pragma once

#include <sys/types.h>

#include <string>

namespace settle::testing {

class TemporaryDirectory {
 public:
  // Under $TMPDIR or /tmp, readable by its owner alone. The path is short enough for a Unix socket
  // in it. Throws std::runtime_error.
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // Gives it to a server's user; root can still use it.
  void GiveTo(uid_t user, gid_t group);

 private:
  std::string path_;
};

}  // namespace settle::testing
