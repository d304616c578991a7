#include "settled/ready_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

ReadyFile::ReadyFile(std::string path) : path_(std::move(path)) {
  if (!path_.empty()) ::unlink(path_.c_str());
}

ReadyFile::~ReadyFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Status ReadyFile::Write(const std::vector<std::string>& addresses) {
  if (path_.empty()) return {};
  const std::string draft = path_ + "." + std::to_string(::getpid());
  const auto failed = [&] {
    const int error = errno;
    ::unlink(draft.c_str());
    return Fail(ErrorCode::kUnavailable,
                "the ready file " + Escaped(path_) + " cannot be written: " + std::strerror(error));
  };
  std::string lines;
  for (const std::string& address : addresses) lines += address + "\n";
  const int file = ::open(draft.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return failed();
  const bool written =
      ::write(file, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size());
  ::close(file);
  if (!written || ::rename(draft.c_str(), path_.c_str()) != 0) return failed();
  return {};
}

}  // namespace settle::coordinator
