#include "bench/load.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>

namespace settle::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kWarmUpMost{0.5};

struct Window {
  Clock::time_point from;
  Clock::time_point until;
};

// What one client saw.
struct Tally {
  std::vector<double> latencies_us;
  std::uint64_t all = 0;
  Clock::time_point latest;  // end of what counts
};

// Until the window is over and something was counted, by whomever, or `go_on` is false.
template <typename GoOn>
void Repeat(const TimedOperation& operation, const Window& window, std::atomic<bool>& counted,
            GoOn go_on, Tally& tally) {
  while ((Clock::now() < window.until || !counted) && go_on()) {
    const double took_us = operation();
    const Clock::time_point ended = Clock::now();
    ++tally.all;
    if (ended < window.from) continue;
    const bool first = !counted.exchange(true);
    if (ended >= window.until && !first) continue;
    tally.latencies_us.push_back(took_us);
    tally.latest = ended;
  }
}

Run Summarize(const std::vector<Tally>& tallies, const Window& window) {
  Run run;
  Clock::time_point until = window.until;
  std::vector<double> latencies;
  for (const Tally& tally : tallies) {
    run.all += tally.all;
    until = std::max(until, tally.latest);
    latencies.insert(latencies.end(), tally.latencies_us.begin(), tally.latencies_us.end());
  }
  run.counted = latencies.size();
  run.per_second = static_cast<double>(run.counted) / Seconds(until - window.from).count();
  run.p50_us = Percentile(latencies, 0.5);
  run.p99_us = Percentile(latencies, 0.99);
  run.p999_us = Percentile(std::move(latencies), 0.999);
  return run;
}

}  // namespace

double MicrosecondsSince(Clock::time_point then) {
  return std::chrono::duration<double, std::micro>(Clock::now() - then).count();
}

Run Measure(const std::vector<Operation>& clients, Seconds window,
            const std::function<CpuTimes()>& read_cpu, const Stop& stop) {
  std::vector<TimedOperation> timed;
  for (const Operation& operation : clients) {
    timed.emplace_back([&operation] {
      const Clock::time_point started = Clock::now();
      operation();
      return MicrosecondsSince(started);
    });
  }
  return MeasureTimed(timed, window, read_cpu, stop);
}

Run MeasureTimed(const std::vector<TimedOperation>& clients, Seconds window_length,
                 const std::function<CpuTimes()>& read_cpu, const Stop& stop) {
  std::vector<Tally> tallies(clients.size());
  std::latch go(1);
  Window window;
  std::atomic<bool> counted = false;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::exception_ptr failure;
  const CpuTimes cpu_before = read_cpu();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      threads.emplace_back([&, i] {
        go.wait();
        try {
          Repeat(
              clients[i], window, counted, [&] { return !failed && !stop; }, tallies[i]);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!failed.exchange(true)) failure = std::current_exception();
        }
      });
    }
    const Seconds warm_up = std::min(window_length / 10, kWarmUpMost);
    window.from = Clock::now() + std::chrono::duration_cast<Clock::duration>(warm_up);
    window.until = window.from + std::chrono::duration_cast<Clock::duration>(window_length);
    go.count_down();
  }
  if (stop) throw Interrupted{};
  if (failure) std::rethrow_exception(failure);
  const CpuTimes cpu = read_cpu() - cpu_before;
  Run run = Summarize(tallies, window);
  if (run.all > 0) run.cpu_us = cpu / static_cast<double>(run.all);
  return run;
}

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(
      std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

}  // namespace settle::bench
