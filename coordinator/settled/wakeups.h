// What the main thread sleeps for: a signal that asks to stop, or a notice from another thread.
#pragma once

#include <chrono>
#include <optional>

namespace settle::coordinator {

class Wakeups {
 public:
  // Blocks SIGTERM and SIGINT in this thread and in every thread that it starts from now on: make
  // it first. Throws std::system_error.
  Wakeups();
  ~Wakeups();
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;

  enum class Cause { kSignal, kNotice, kTimeout };

  // Without a limit: as long as it takes. A signal wins over a notice.
  Cause Await(std::optional<std::chrono::milliseconds> at_most);

  // The name of the latest signal, "SIGTERM" or "SIGINT".
  const char* signal_name() const;

  void Notify();  // thread-safe

 private:
  int signals_ = -1;
  int notices_ = -1;
  int last_signal_ = 0;
};

}  // namespace settle::coordinator
