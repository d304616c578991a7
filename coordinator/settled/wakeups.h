// What the main thread sleeps for: a signal that asks to stop, or a notice from another thread.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

namespace settle::coordinator {

class Wakeups {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP in this thread and in every thread that it starts from now
  // on: make it first. Throws std::system_error.
  Wakeups();
  ~Wakeups();
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;

  enum class Cause { kSignal, kNotice, kTimeout };

  // What Await does at a SIGHUP, on its own thread, before it goes on waiting. Not during an Await.
  void OnHangup(std::function<void()> act) { on_hangup_ = std::move(act); }

  // Without a limit: as long as it takes. A signal wins over a notice.
  Cause Await(std::optional<std::chrono::milliseconds> at_most);

  // The name of the latest signal, "SIGTERM" or "SIGINT".
  const char* signal_name() const;

  void Notify();  // thread-safe

 private:
  int signals_ = -1;
  int notices_ = -1;
  int last_signal_ = 0;
  std::function<void()> on_hangup_ = [] {};
};

}  // namespace settle::coordinator
