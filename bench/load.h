// Clients that do one thing over and over, and how fast that was.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "bench/cpu.h"

namespace settle::bench {

// One operation of one client, from its beginning to its acknowledgement. Throws when it did not
// end as it must.
using Operation = std::function<void()>;
// The same, where what counts is not the time from its call to its return: gives the time in
// microseconds.
using TimedOperation = std::function<double()>;

using Stop = std::atomic<bool>;  // set when somebody wants the program to end

// Thrown where that is noticed.
struct Interrupted {};

// What one run showed.
struct Run {
  double per_second = 0;  // operations acknowledged in the window, by its length
  double p50_us = 0;      // of those: from call to acknowledgement, in microseconds
  double p99_us = 0;
  double p999_us = 0;         // the worst one in a thousand
  std::uint64_t counted = 0;  // how many those are
  std::uint64_t all = 0;      // with those before and after the window
  CpuTimes cpu_us;            // for each operation
};

// Each client is a thread that repeats its operation without a pause: for a tenth of the window
// (half a second at most) to warm up, then for the window; where nothing at all ends within that,
// until something does. Blocking. Rethrows what an operation threw, after all have ended; throws
// Interrupted. `read_cpu` is asked before and after: what was used so far.
Run Measure(const std::vector<Operation>& clients, std::chrono::duration<double> window,
            const std::function<CpuTimes()>& read_cpu, const Stop& stop);
Run MeasureTimed(const std::vector<TimedOperation>& clients, std::chrono::duration<double> window,
                 const std::function<CpuTimes()>& read_cpu, const Stop& stop);

// In microseconds.
double MicrosecondsSince(std::chrono::steady_clock::time_point then);

// The smallest value that at least `share` (0 to 1) of the values do not exceed; 0 of none.
double Percentile(std::vector<double> values, double share);

// What several rounds showed.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};
Spread SpreadOf(std::vector<double> values);

}  // namespace settle::bench
