// How many calls a second: a bucket of one second's worth that refills evenly.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace settle::coordinator::access {

// Thread-safe, without a lock: one compare-and-swap a call. It is the generic cell rate algorithm
// (ITU-T I.371): one instant, at which the bucket would be full again, says all.
class CallRate {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // Whether a call at `now` is within `per_second`, which must not be 0. One that is not costs
  // nothing of those to come.
  bool Take(Instant now, std::uint64_t per_second) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::int64_t each =
        std::max<std::int64_t>(1, kSecond / static_cast<std::int64_t>(per_second));
    const std::int64_t at = std::chrono::nanoseconds(now.time_since_epoch()).count();
    std::int64_t full = full_.load(std::memory_order_relaxed);
    for (;;) {
      const std::int64_t next = std::max(full, at) + each;
      if (next - at > std::max(kSecond, each)) return false;
      if (full_.compare_exchange_weak(full, next, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<std::int64_t> full_{0};
};

}  // namespace settle::coordinator::access
