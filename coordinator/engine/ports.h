// What the engine needs of the world outside. Wired in settled's main, simulated in tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/records.h"

namespace settle::coordinator {

using Instant = std::chrono::steady_clock::time_point;  // monotonic: deadlines and timers

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

// Randomness. Thread-safe.
class Ids {
 public:
  virtual ~Ids() = default;
  virtual std::uint32_t Tail() = 0;       // of a gtid
  virtual std::string SessionName() = 0;  // 128 random bits in hexadecimal: hard to guess
  virtual double Jitter() = 0;            // uniform in [0, 1)
};

inline const Gtid kNoGtid{};

// What a line of the log is about. Refers to what it is given.
struct About {
  About() : gtid(kNoGtid) {}  // no transaction
  // `trace_parent`: of its origin.
  About(const Gtid& gtid, std::string_view trace_parent = {})
      : gtid(gtid), trace_parent(trace_parent) {}

  const Gtid& gtid;
  std::string_view trace_parent;
};

// Told what happens; must not block and cannot influence anything. Thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;
  enum class Level { kDebug, kInfo, kWarning, kError };
  // `what` has no data of an application's business: no input, no result.
  virtual void Event(Level level, const About& about, std::string_view what) = 0;
  // The log said kUnknown: the process must end now without answering anyone. Does not return.
  [[noreturn]] virtual void Fatal(std::string_view why) = 0;
};

}  // namespace settle::coordinator
