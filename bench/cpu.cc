#include "bench/cpu.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "support/child_process.h"

namespace settle::bench {
namespace {

double Microseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

// Of the process, and of its children that have ended, from /proc/<pid>/stat.
double UsedBy(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text, '\0');  // a process that is gone meanwhile is one with no more to tell
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  // After the name: state and ten numbers, then utime, stime, cutime, cstime.
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double ticks = 0;
  for (int i = 0; i < 4; ++i) {
    double part = 0;
    fields >> part;
    ticks += part;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) * 1e6;
}

double UsedByTree(pid_t root) {
  double used = UsedBy(root);
  for (const pid_t process : testing::DescendantsOf(root)) used += UsedBy(process);
  return used;
}

}  // namespace

CpuTimes operator-(const CpuTimes& later, const CpuTimes& earlier) {
  return {later.clients - earlier.clients, later.coordinator - earlier.coordinator,
          later.databases - earlier.databases};
}

CpuTimes operator/(const CpuTimes& times, double count) {
  return {times.clients / count, times.coordinator / count, times.databases / count};
}

CpuTimes ReadCpuTimes(pid_t coordinator, const std::vector<pid_t>& database_servers,
                      const std::vector<pid_t>& services) {
  CpuTimes times;
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  times.clients = Microseconds(own.ru_utime) + Microseconds(own.ru_stime);
  for (const pid_t service : services) times.clients += UsedBy(service);
  times.coordinator = UsedBy(coordinator);
  for (const pid_t server : database_servers) times.databases += UsedByTree(server);
  return times;
}

}  // namespace settle::bench
