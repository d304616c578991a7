// Waiting for what another process does, when there is nothing to block on.
#pragma once

#include <chrono>
#include <thread>

namespace settle::testing {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// What a healthy system on a busy machine must never need; a test that runs into it has failed.
inline constexpr std::chrono::seconds kPatience{30};

// Polls until `condition` holds; false when `bound` has passed and it still does not.
template <typename Condition>
[[nodiscard]] bool WaitUntil(Condition condition, std::chrono::milliseconds bound = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return condition();
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace settle::testing
