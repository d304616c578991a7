// Where processor time goes: on a machine with few cores that is what a ratio is made of, and it
// changes less than time does when somebody else uses the machine.
#pragma once

#include <sys/types.h>

#include <vector>

namespace settle::bench {

// In microseconds; of a run: for each operation.
struct CpuTimes {
  double clients = 0;      // this program and its services, the SDK in them included
  double coordinator = 0;  // settled
  double databases = 0;    // PostgreSQL's servers with all their processes
};

CpuTimes operator-(const CpuTimes& later, const CpuTimes& earlier);
CpuTimes operator/(const CpuTimes& times, double count);

// Used so far. A process that is not there counts as nothing. Other processes than this one are
// read in steps of 10 ms. `services` count as clients.
CpuTimes ReadCpuTimes(pid_t coordinator, const std::vector<pid_t>& database_servers,
                      const std::vector<pid_t>& services = {});

}  // namespace settle::bench
