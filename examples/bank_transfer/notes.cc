#include "notes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace bank_transfer {

settle::Result<std::unique_ptr<Notes>> Notes::Open(const std::string& path) {
  if (path.empty()) return std::unique_ptr<Notes>(new Notes(-1));
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return settle::Fail(settle::ErrorCode::kUnavailable,
                        "cannot write " + settle::Escaped(path) + ": " + std::strerror(errno));
  }
  return std::unique_ptr<Notes>(new Notes(file));
}

Notes::~Notes() {
  if (file_ >= 0) close(file_);
}

settle::Status Notes::Write(const Told& told, int amount) {
  if (file_ < 0) return {};
  const std::string line = told.gtid.text() + " " + ToString(told.ending.outcome) + " " +
                           std::to_string(amount) + " " + settle::Escaped(told.ending.reason) +
                           "\n";
  const std::lock_guard lock(mutex_);
  // One write, so that clients that share the file do not mix their lines.
  if (write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      fdatasync(file_) != 0) {
    return settle::Fail(settle::ErrorCode::kUnavailable,
                        std::string("cannot write the notes: ") + std::strerror(errno));
  }
  return {};
}

settle::Result<std::map<std::string, std::string>> ReadNotes(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return settle::Fail(settle::ErrorCode::kUnavailable, "cannot read " + settle::Escaped(path));
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::istringstream lines(all.substr(0, all.rfind('\n') + 1));
  std::map<std::string, std::string> notes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string gtid;
    words >> gtid;
    words >> notes[gtid];
  }
  return notes;
}

}  // namespace bank_transfer
