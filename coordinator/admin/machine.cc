#include "admin/machine.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace settle::coordinator {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kBlock = 4096;  // what the log writes at the least: a page of its -wal file

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

// A file without a name leaves nothing behind, however this process ends.
int OpenNameless(const std::string& directory) {
  const int number = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (number >= 0 || errno != EOPNOTSUPP) return number;
  std::string name = directory + "/.settle-doctor-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

FlushTimes Summary(std::vector<microseconds> times, std::string failure) {
  std::sort(times.begin(), times.end());
  FlushTimes summary{.flushes = static_cast<int>(times.size()), .failure = std::move(failure)};
  if (times.empty()) return summary;
  summary.median = times[times.size() / 2];
  summary.p99 = times[times.size() * 99 / 100];
  return summary;
}

}  // namespace

FlushTimes TimeFlushes(const std::string& path, int most, std::chrono::milliseconds patience) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const Descriptor file(OpenNameless(directory.empty() ? "." : directory));
  std::vector<microseconds> times;
  const auto failed = [&](const char* what) {
    return Summary(std::move(times), std::string(what) + ": " + std::strerror(errno));
  };
  if (file.number() < 0) return failed("a file to measure with could not be made");
  const std::vector<char> block(kBlock, 's');
  const auto began = SteadyClock::now();
  for (int i = 0; i < most && SteadyClock::now() - began < patience; ++i) {
    const auto start = SteadyClock::now();
    const ssize_t written =
        ::pwrite(file.number(), block.data(), block.size(), static_cast<off_t>(i * kBlock));
    if (written != static_cast<ssize_t>(kBlock)) return failed("it could not be written");
    if (::fdatasync(file.number()) != 0) return failed("it could not be flushed");
    times.push_back(duration_cast<microseconds>(SteadyClock::now() - start));
  }
  return Summary(std::move(times), {});
}

std::optional<ClockState> ReadClockState() {
  timex state{};  // modes = 0: reads, and needs no privilege
  const int result = ::adjtimex(&state);
  if (result == -1) return std::nullopt;
  const bool synchronised = result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  return ClockState{.synchronised = synchronised, .error_max = microseconds(state.maxerror)};
}

std::uint64_t DescriptorLimit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace settle::coordinator
