#include "chaos/soak.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <sstream>

namespace settle::testing {
namespace {

constexpr double kSmallPart = 0.05;        // of the median: growth below it within a run is none
constexpr std::size_t kSamplesMost = 400;  // slopes are between each two

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// In kB; 0 when it is gone.
double ResidentSetOf(pid_t process) {
  std::istringstream status(ReadFile("/proc/" + std::to_string(process) + "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stod(line.substr(6));
  }
  return 0;
}

double FilesOpenIn(pid_t process) {
  std::error_code gone;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(process) + "/fd", gone);
  return gone ? 0 : static_cast<double>(std::distance(begin(all), end(all)));
}

double BytesOf(const std::string& path) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(path, missing);
  return missing ? 0 : static_cast<double>(size);
}

}  // namespace

Trend TrendOf(const std::vector<Sample>& samples) {
  std::vector<Sample> half(samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2),
                           samples.end());
  const std::size_t step = half.size() / kSamplesMost + 1;
  std::vector<Sample> some;
  for (std::size_t i = 0; i < half.size(); i += step) some.push_back(half[i]);
  Trend trend;
  if (some.size() < 3) return trend;
  std::vector<double> values;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < some.size(); ++i) {
    values.push_back(some[i].value);
    for (std::size_t j = i + 1; j < some.size(); ++j) {
      slopes.push_back((some[j].value - some[i].value) / (some[j].seconds - some[i].seconds));
    }
  }
  trend.median = MedianOf(values);
  const double slope = MedianOf(slopes);
  trend.per_hour = slope * 3'600;
  trend.growth = slope * (some.back().seconds - some.front().seconds);
  std::vector<double> off;
  const double middle = (some.back().seconds + some.front().seconds) / 2;
  for (const Sample& sample : some) {
    off.push_back(std::abs(sample.value - trend.median - slope * (sample.seconds - middle)));
  }
  trend.noise = MedianOf(off);
  trend.flat = trend.growth <= std::max(2 * trend.noise, kSmallPart * trend.median);
  return trend;
}

void Sampler::Look() {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::seconds(1);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto add = [&](const std::string& what, double value) {
    samples_[what].push_back({seconds, value});
  };
  const pid_t daemon = stage_.daemon().process().id();
  add("settled: memory, kB", ResidentSetOf(daemon));
  add("settled: open files", FilesOpenIn(daemon));
  const std::string log = stage_.daemon().log_path();
  add("log: bytes", BytesOf(log) + BytesOf(log + "-wal"));
  if (const double oldest = stage_.OldestPrepared(); oldest >= 0) {
    add("oldest prepared in PostgreSQL, s", oldest);
  }
  for (Slot& slot : stage_.slots()) {
    const pid_t process = slot.application->process().id();
    add(slot.name + ": memory, kB", ResidentSetOf(process));
    add(slot.name + ": open files", FilesOpenIn(process));
  }
}

}  // namespace settle::testing
