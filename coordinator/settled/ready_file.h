// Tells scripts and supervisors that the daemon serves, and where.
#pragma once

#include <string>
#include <vector>

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// The addresses, a line each, in a file that appears whole or not at all; gone with this object. A
// file left by a daemon that was killed is removed when this one is made: whoever waits for the
// file waits for this daemon.
class ReadyFile {
 public:
  // An empty path: no file.
  explicit ReadyFile(std::string path);
  ~ReadyFile();
  ReadyFile(const ReadyFile&) = delete;
  ReadyFile& operator=(const ReadyFile&) = delete;

  [[nodiscard]] Status Write(const std::vector<std::string>& addresses);

 private:
  const std::string path_;
};

}  // namespace settle::coordinator
