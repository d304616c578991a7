// Pauses between tries.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "engine/ports.h"
#include "engine/settings.h"

namespace settle::coordinator {

// The settings' first pause, doubled with every attempt up to their longest.
inline std::chrono::nanoseconds GrowingDelay(const Settings& settings, int attempt) {
  const auto doubled = settings.retry_first * (std::int64_t{1} << std::clamp(attempt - 1, 0, 20));
  return std::min<std::chrono::nanoseconds>(doubled, settings.retry_max);
}

// A fifth of jitter, so that what failed together is not tried together.
inline std::chrono::nanoseconds Jittered(std::chrono::nanoseconds delay, Ids& ids) {
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(delay.count()) * (0.9 + 0.2 * ids.Jitter())));
}

// Longer by a random part of it, at most `percent`.
inline std::chrono::nanoseconds Lengthened(std::chrono::nanoseconds delay, int percent, Ids& ids) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) *
                                                            (1 + ids.Jitter() * percent / 100)));
}

}  // namespace settle::coordinator
