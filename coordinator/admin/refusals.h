// Which refusals are rows of the audit trail: so many an hour of what one identity asks by one
// call. The trail is bounded, and what was done must not make room for what was not.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "engine/ports.h"

namespace settle::coordinator {

// Thread-safe. `of` is an identity with a call: those to whom nothing is granted get no further
// than the gate, so there are few, and they are kept for good.
class Refusals {
 public:
  static constexpr std::uint64_t kRowsMost = 20;
  static constexpr std::chrono::hours kWithin{1};

  // As many were rows within the hour as may be.
  bool AreEnough(const std::string& of, Instant now) {
    const std::lock_guard lock(mutex_);
    const auto found = of_.find(of);
    return found != of_.end() && now - found->second.since < kWithin &&
           found->second.rows >= kRowsMost;
  }
  // One more that is a row; says how many before it were none.
  std::uint64_t Record(const std::string& of, Instant now) {
    const std::lock_guard lock(mutex_);
    Counts& counts = of_.try_emplace(of, Counts{now, 0, 0}).first->second;
    if (now - counts.since >= kWithin) counts = {now, 0, counts.left_out};
    ++counts.rows;
    return std::exchange(counts.left_out, 0);
  }
  // One more that is none; says how many that makes since the last row.
  std::uint64_t LeaveOut(const std::string& of) {
    const std::lock_guard lock(mutex_);
    return ++of_[of].left_out;
  }

 private:
  struct Counts {
    Instant since{};
    std::uint64_t rows = 0;
    std::uint64_t left_out = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Counts> of_;
};

}  // namespace settle::coordinator
