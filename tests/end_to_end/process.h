// A program that a test runs, kills and waits for. It never outlives the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/wait_until.h"

namespace settle::testing {

// How a process ended.
struct Ended {
  std::optional<int> code;    // it exited
  std::optional<int> signal;  // it was killed

  friend bool operator==(const Ended&, const Ended&) = default;
};

// For failure messages: "exit 1", "signal 9".
std::string ToString(const Ended& ended);

// The program `name` of this build.
std::string Program(const std::string& name);

class Process {
 public:
  // Throws std::runtime_error.
  explicit Process(Launch launch);
  ~Process();  // kills it
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t id() const { return id_; }
  bool running();
  // Stopped by SIGSTOP.
  bool frozen() const;
  void Signal(int signal) const;
  // SIGKILL, and waits until it is gone.
  void Kill();
  // Empty when it still runs after `bound`.
  std::optional<Ended> Wait(std::chrono::milliseconds bound = kPatience);

  // What it has printed so far.
  std::string Output() const;
  std::string Errors() const;

 private:
  void Reap(int flags);

  const Launch launch_;
  pid_t id_ = -1;
  std::optional<Ended> ended_;
};

// The whole file; empty when there is none.
std::string ReadFile(const std::string& path);

}  // namespace settle::testing
