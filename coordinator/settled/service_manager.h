// Tells the service manager how the daemon fares, by the one datagram of sd_notify(3): a protocol
// that its manual page keeps stable for programs that do not load libsystemd, which would bring
// three compressors and a cryptographic library into this process.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

class ServiceManager {
 public:
  // What $NOTIFY_SOCKET holds: a path, or a name in the abstract namespace after an @. Empty:
  // nobody asked to be told, and Tell does nothing.
  explicit ServiceManager(std::string socket) : socket_(std::move(socket)) {}

  // Assignments as in sd_notify(3), a line each: "READY=1\nSTATUS=...". Thread-safe; does not
  // block: kUnavailable if the manager does not take it now, kInvalid if the socket's name is none.
  [[nodiscard]] Status Tell(const std::string& assignments) const;

 private:
  const std::string socket_;
};

// How often to show that the process is alive: half of what $WATCHDOG_USEC allows, as
// sd_watchdog_enabled(3) advises. None if nothing watches this process.
std::optional<std::chrono::milliseconds> WatchdogPause(const char* watchdog_usec,
                                                       const char* watchdog_pid);

}  // namespace settle::coordinator
