// What the main thread sleeps for: a signal that asks to stop or to read files again, or a notice
// from another thread.
#pragma once

#include <chrono>
#include <optional>

namespace settle::coordinator {

class Wakeups {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP in this thread and in every thread that it starts from now
  // on: make it first. Throws std::system_error.
  Wakeups();
  ~Wakeups();
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;

  enum class Cause {
    kSignal,  // SIGTERM or SIGINT
    kReload,  // SIGHUP
    kNotice,
    kTimeout,
  };

  // Without a limit: as long as it takes. A signal wins over a notice.
  Cause Await(std::optional<std::chrono::milliseconds> at_most);

  void IgnoreReloads() { ignores_reloads_ = true; }  // from now on

  // The name of the latest signal that asked to stop, "SIGTERM" or "SIGINT".
  const char* signal_name() const;

  void Notify();  // thread-safe

 private:
  int signals_ = -1;
  int notices_ = -1;
  int last_signal_ = 0;
  bool ignores_reloads_ = false;
};

}  // namespace settle::coordinator
