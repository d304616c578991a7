// Whether something grows without end: what processes and files take, sampled over a run.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "chaos/stage.h"

namespace settle::testing {

struct Sample {
  double seconds = 0;
  double value = 0;
};

// Of one thing, e.g. "settled RSS, kB".
struct Trend {
  double median = 0;
  double per_hour = 0;  // the median of the slopes between samples (Theil and Sen)
  double growth = 0;    // that slope over the time that was looked at
  double noise = 0;     // what one sample differs from that line, median
  bool flat = false;    // it grew by no more than the noise, or a small part of the whole
};

// Of the second half of the samples: the first one is for caches and pools to fill.
Trend TrendOf(const std::vector<Sample>& samples);

// For one thread.
class Sampler {
 public:
  explicit Sampler(Stage& stage) : stage_(stage), start_(Clock::now()) {}

  // A look at everything, once a second at the most.
  void Look();
  const std::map<std::string, std::vector<Sample>>& samples() const { return samples_; }

 private:
  Stage& stage_;
  const Clock::time_point start_;
  Clock::time_point next_{};
  std::map<std::string, std::vector<Sample>> samples_;
};

}  // namespace settle::testing
