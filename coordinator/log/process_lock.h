// Holds a log for one process: an exclusive flock on `<log>.lock`, which the kernel lets go when
// the process ends, kill -9 included. The file stays and is harmless; its text says who holds it.
#pragma once

#include <string>

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

class ProcessLock {
 public:
  // kRefused names the holder (another process, or another opening in this one); kUnavailable if
  // the file cannot be made.
  [[nodiscard]] static Result<ProcessLock> Take(const std::string& log_path);

  // The same for whoever only reads, and shared among those: makes no file, and where none is takes
  // nothing, because no daemon has served from there.
  [[nodiscard]] static Result<ProcessLock> TakeIfThere(const std::string& log_path);

  ~ProcessLock();
  ProcessLock(ProcessLock&& other) noexcept;
  ProcessLock& operator=(ProcessLock&&) = delete;

 private:
  explicit ProcessLock(int file) : file_(file) {}
  int file_;  // closed on exec; a child that forks without exec shares the lock
};

}  // namespace settle::coordinator
