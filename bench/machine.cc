#include "bench/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/daemon.h"
#include "bench/load.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr int kFlushes = 400;
constexpr std::size_t kBytesPerFlush = 512;  // about a decision's record

[[noreturn]] void Throw(const std::string& what) {
  throw std::runtime_error(what + ": " + std::system_category().message(errno));
}

// The first line of a file that starts with `key`, after the colon.
std::string ValueIn(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

// What a program prints when it is asked who it is.
std::string VersionOf(const std::string& program) {
  const testing::TemporaryDirectory directory;
  const std::string output = directory / "version";
  testing::RunProcess({.arguments = {program, "--version"}, .output_path = output});
  std::ifstream file(output);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string Load() {
  double averages[3] = {};
  ::getloadavg(averages, 3);
  return fmt::format("{:.2f} {:.2f} {:.2f}", averages[0], averages[1], averages[2]);
}

}  // namespace

void CheckDirectory(const std::string& directory) {
  struct statfs system {};
  if (::statfs(directory.c_str(), &system) != 0) {
    throw Missing("--directory " + directory + ": " + std::system_category().message(errno));
  }
  if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC) {
    throw Missing("--directory " + directory +
                  " is in memory, where a flush costs nothing: name one on a disk");
  }
}

void CheckRoom(const std::string& directory, std::uint64_t bytes) {
  const std::uint64_t free = std::filesystem::space(directory).available;
  if (free >= bytes) return;
  throw Missing(
      fmt::format("--directory {}: {} MB are free there and {} MB are needed: make room, "
                  "name another one, or measure smaller sizes with --percent",
                  directory, free / 1'000'000, bytes / 1'000'000));
}

FlushTimes MeasureFlush(const std::string& directory) {
  const testing::TemporaryDirectory own(directory);
  const int file =
      ::open((own / "flushed").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) Throw("a file in " + directory);
  const std::vector<char> bytes(kBytesPerFlush, 'x');
  std::vector<double> times;
  bool failed = false;
  for (int i = 0; i < kFlushes && !failed; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    failed = ::write(file, bytes.data(), bytes.size()) < 0 || ::fdatasync(file) != 0;
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    times.push_back(took.count());
  }
  ::close(file);
  if (failed) Throw("writing to " + directory);
  return {Percentile(times, 0.5), Percentile(times, 0.99)};
}

std::string DescribeMachine(const std::string& directory, const std::string& postgres_program) {
  utsname system{};
  ::uname(&system);
  const std::string load = Load();
  const FlushTimes flush = MeasureFlush(directory);
  return fmt::format(
             "machine: {} cores ({}), Linux {}, load {}, fdatasync of {} bytes p50 {:.0f} us "
             "p99 {:.0f} us in {}\n",
             std::thread::hardware_concurrency(), ValueIn("/proc/cpuinfo", "model name"),
             system.release, load, kBytesPerFlush, flush.p50_us, flush.p99_us, directory) +
         fmt::format("software: {}, SQLite {}{}, compiler {}, build type {}\n",
                     VersionOf(ProgramBeside("settled")), sqlite3_libversion(),
                     postgres_program.empty() ? "" : ", " + VersionOf(postgres_program),
                     SETTLE_BENCH_COMPILER, SETTLE_BENCH_BUILD_TYPE);
}

}  // namespace settle::bench
