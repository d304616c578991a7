// A settled of the test's own, with short times, that can be killed and come back on the same port.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "end_to_end/process.h"

namespace settle::testing {

enum class Fault {
  kDies,       // by SIGKILL
  kFreezes,    // by SIGSTOP, until somebody sends SIGCONT
  kAssertion,  // as if an assertion failed there
  kDelay,      // waits there for a moment
  kError,      // fails there
  kTorn,       // dies there with half of what it wrote
};

// Where a process is to come to harm: SETTLE_FAILPOINT, and the file by which it says that it did.
struct Failpoint {
  std::string where;  // "name" or "name:n"; empty: nowhere
  std::string fired;  // path
  Fault fault = Fault::kDies;
  std::string passes{};  // path: where each pass of any place is noted; empty: nowhere
  std::vector<std::string> Environment() const;
  bool HasFired() const;
};

class Daemon {
 public:
  // Its files are in `directory`, which must exist. Not started yet.
  explicit Daemon(std::string directory);

  // Starts it and waits until it serves; throws std::runtime_error with what it said if it does
  // not. `failpoint` is where it is to come to harm.
  void Start(const std::string& failpoint = {}, Fault fault = Fault::kDies);
  // Starts it although it may refuse to serve.
  Process& StartUnawaited(const std::string& failpoint = {}, Fault fault = Fault::kDies);
  // Waits until it serves; false when it has ended or `bound` has passed.
  bool AwaitReady(std::chrono::milliseconds bound = kPatience);

  void Kill() { process_->Kill(); }
  // As a service manager does, with SIGTERM.
  std::optional<Ended> Terminate(std::chrono::milliseconds bound = kPatience);
  // Waits until it died at the place where it was started to die; false if it did not.
  [[nodiscard]] bool AwaitFailpoint(std::chrono::milliseconds bound = kPatience);
  bool HasFired() const { return failpoint_.HasFired(); }
  // The same for where it was to freeze.
  [[nodiscard]] bool AwaitFrozen(std::chrono::milliseconds bound = kPatience);

  bool IsStarted() const { return process_ != nullptr; }  // once, whatever became of it
  Process& process() { return *process_; }
  std::string fired_path() const { return failpoint_.fired; }  // of this life
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  std::string log_path() const { return log_directory + "/settle.db"; }
  // What it said, in all its lives.
  std::string Said() const;

  // Over and above, or instead of, the test's own; for the next start.
  std::vector<std::string> options;
  std::string log_directory;  // that of its other files unless set before the first start
  std::vector<std::string> environment;  // likewise
  std::string passes;                    // Failpoint::passes

 private:
  std::string ReadyPath() const { return directory_ + "/ready"; }

  const std::string directory_;
  std::uint16_t port_ = 0;  // 0 until it has served once
  int lives_ = 0;
  Failpoint failpoint_;
  std::unique_ptr<Process> process_;
};

}  // namespace settle::testing
