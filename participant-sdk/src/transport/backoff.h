// Pauses between attempts: 50 ms, doubling up to 2 s, each with up to a fifth of jitter taken off
// so that many programs do not come back at the same instant.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>

namespace settle::sdk {

class Backoff {
 public:
  std::chrono::milliseconds Next() {
    const std::chrono::milliseconds full = next_;
    next_ = std::min(next_ * 2, kMost);
    if (!random_) random_.emplace(std::random_device{}());
    std::uniform_int_distribution<long> jitter(0, full.count() / 5);
    return full - std::chrono::milliseconds(jitter(*random_));
  }
  void Reset() { next_ = kFirst; }

 private:
  static constexpr std::chrono::milliseconds kFirst{50};
  static constexpr std::chrono::milliseconds kMost{2'000};
  std::chrono::milliseconds next_ = kFirst;
  // Made when first needed: most calls never wait, and a random_device is slow to make.
  std::optional<std::minstd_rand> random_;
};

}  // namespace settle::sdk
