// Which faults come when: drawn from the seed alone, before anything runs, so that a seed means the
// same sequence on every machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace settle::testing {

enum class FaultKind {
  kKillDaemon,
  kFreezeDaemon,
  kKillProgram,
  kFreezeProgram,
  kStopPostgres,  // an immediate stop: as a crash
  kKillPostgres,  // SIGKILL to every process of it
  kTerminateBackend,
  kCutWire,
  kPartition,
  kPartitionOneWay,
  kDiskFull,
  kOperator,
  kMajorityGone,  // no site of what waits for a majority is reached, and an operator forces it
};
inline constexpr int kFaultKinds = 13;

const char* ToString(FaultKind kind);  // "kill-daemon"

struct PlannedFault {
  std::chrono::milliseconds at{0};  // since the load began
  FaultKind kind{};
  std::uint32_t target = 0;            // which one, modulo how many there are
  std::chrono::milliseconds lasts{0};  // until it is healed
  std::uint32_t detail = 0;            // what the kind makes of it: bytes, a direction, a verb

  friend bool operator==(const PlannedFault&, const PlannedFault&) = default;
};

// A fault every `every`, of each kind about as many. `disk_full`: whether that kind is possible
// here; the others do not depend on it.
std::vector<PlannedFault> MakePlan(std::uint64_t seed, std::chrono::milliseconds length,
                                   std::chrono::milliseconds every, bool disk_full);

}  // namespace settle::testing
