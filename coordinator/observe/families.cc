#include "observe/families.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>

namespace settle::coordinator {
namespace {

// From proc(5): the fields of /proc/self/stat that are wanted, counted from 1.
constexpr std::size_t kStartTime = 22;  // in clock ticks since boot
constexpr std::size_t kResident = 24;   // in pages

// The field's value; the second field is a name in parentheses that may hold anything.
std::optional<double> FieldOf(const std::string& stat, std::size_t wanted) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(stat.substr(name_end + 1));
  std::string word;
  for (std::size_t field = 3; field <= wanted; ++field) {
    if (!(rest >> word)) return std::nullopt;
  }
  std::istringstream number(word);
  double value = 0;
  if (!(number >> value)) return std::nullopt;
  return value;
}

double Seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// In seconds since 1970. Not by /proc/stat, which the service's ProcSubset=pid hides.
std::optional<double> StartTime(const std::string& stat) {
  const auto ticks = FieldOf(stat, kStartTime);
  timespec now{};
  timespec since_boot{};
  if (!ticks || ::clock_gettime(CLOCK_REALTIME, &now) != 0 ||
      ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) {
    return std::nullopt;
  }
  return Seconds(now) - Seconds(since_boot) + *ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::optional<double> OpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  double count = 0;
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) ++count;
  if (error) return std::nullopt;
  return count - 1;  // that of the directory itself
}

}  // namespace

void Families::Begin(std::string name, std::string help, prometheus::MetricType type) {
  all_.push_back({std::move(name), std::move(help), type, {}});
}

void Families::Counter(std::string name, std::string help) {
  Begin(std::move(name), std::move(help), prometheus::MetricType::Counter);
}

void Families::Gauge(std::string name, std::string help) {
  Begin(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}

void Families::Histograms(std::string name, std::string help) {
  Begin(std::move(name), std::move(help), prometheus::MetricType::Histogram);
}

void Families::Add(double value, Labels labels) {
  prometheus::ClientMetric sample;
  sample.label = std::move(labels);
  const bool counter = all_.back().type == prometheus::MetricType::Counter;
  (counter ? sample.counter.value : sample.gauge.value) = value;
  all_.back().metric.push_back(std::move(sample));
}

void Families::Add(const Histogram& histogram, Labels labels) {
  prometheus::ClientMetric sample;
  sample.label = std::move(labels);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    count += histogram.counts()[i];
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i]
                                                       : std::numeric_limits<double>::infinity();
    sample.histogram.bucket.push_back({count, bound});
  }
  sample.histogram.sample_count = count;
  sample.histogram.sample_sum = histogram.sum();
  all_.back().metric.push_back(std::move(sample));
}

void AddProcess(Families& families) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  families.Counter("process_cpu_seconds_total", "CPU time of the process, user and system.");
  families.Add(Seconds(used.ru_utime) + Seconds(used.ru_stime));

  std::ifstream file("/proc/self/stat");
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  if (const auto pages = FieldOf(stat, kResident)) {
    families.Gauge("process_resident_memory_bytes", "Resident memory of the process.");
    families.Add(*pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
  // Asked once: it does not change because the clock is set, which would look like a restart.
  static const std::optional<double> began = StartTime(stat);
  if (began) {
    families.Gauge("process_start_time_seconds", "When the process began, since 1970.");
    families.Add(*began);
  }
  if (const auto files = OpenFiles()) {
    families.Gauge("process_open_fds", "File descriptors that are open.");
    families.Add(*files);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    families.Gauge("process_max_fds", "File descriptors that may be open.");
    families.Add(static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace settle::coordinator
