// The values that options take: durations and counts, each within a range.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

template <typename T>
struct Range {
  T least;
  T most;
};

// "500ms", "10s", "5m", "1h": a whole number and a unit. kInvalid names the range.
[[nodiscard]] Result<std::chrono::milliseconds> ParseDuration(
    std::string_view text, const Range<std::chrono::milliseconds>& range);

// A whole number in decimal. kInvalid names the range.
[[nodiscard]] Result<std::uint64_t> ParseCount(std::string_view text,
                                               const Range<std::uint64_t>& range);

// In the largest unit that says it exactly.
std::string ToText(std::chrono::milliseconds duration);

}  // namespace settle::coordinator
