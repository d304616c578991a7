// Counts of values by size: what a latency or the size of a batch usually is, and how bad it gets.
//
//   Histogram waits(kSecondsBounds);
//   waits.Add(0.0123);
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace settle::coordinator {

// Upper bounds in seconds: a log in memory flushes in a tenth of a millisecond, a vote-timeout is
// seconds.
inline constexpr std::array<double, 18> kSecondsBounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
// Upper bounds in records of one group; 1024 is the largest group.
inline constexpr std::array<double, 11> kRecordsBounds{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

// A value. Not thread-safe.
class Histogram {
 public:
  // `bounds` ascend and live as long as the program.
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Add(double value) {
    const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    ++counts_[static_cast<std::size_t>(at)];
    sum_ += value;
  }
  void Add(std::chrono::nanoseconds value) { Add(std::chrono::duration<double>(value).count()); }

  // Of the same bounds.
  Histogram& operator+=(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    sum_ += other.sum_;
    return *this;
  }

  std::span<const double> bounds() const { return bounds_; }
  // Not cumulative: counts()[i] is of values above bounds()[i - 1] and up to bounds()[i], the last
  // one of those above every bound.
  const std::vector<std::uint64_t>& counts() const { return counts_; }
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace settle::coordinator
