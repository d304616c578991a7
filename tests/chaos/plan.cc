#include "chaos/plan.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <random>

namespace settle::testing {
namespace {

using std::chrono::milliseconds;

// From and to, of how long it lasts. What lasts longer than a session (2 s) has it end.
struct Range {
  int from_ms;
  int to_ms;
};

Range LastsOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kKillDaemon: return {20, 1'000};
    case FaultKind::kFreezeDaemon: return {100, 2'500};
    case FaultKind::kKillProgram: return {0, 1'000};
    case FaultKind::kFreezeProgram: return {100, 3'000};
    case FaultKind::kStopPostgres:
    case FaultKind::kKillPostgres: return {50, 1'500};
    case FaultKind::kTerminateBackend: return {0, 0};
    case FaultKind::kCutWire: return {1'000, 1'500};
    case FaultKind::kPartition:
    case FaultKind::kPartitionOneWay: return {200, 3'000};
    case FaultKind::kDiskFull: return {300, 1'500};
    case FaultKind::kOperator: return {0, 0};
    // Sites that do not reach the coordinator decide by themselves after 5 to 10 s.
    case FaultKind::kMajorityGone: return {1'000, 12'000};
  }
  return {0, 0};
}

}  // namespace

const char* ToString(FaultKind kind) {
  switch (kind) {
    case FaultKind::kKillDaemon: return "kill-daemon";
    case FaultKind::kFreezeDaemon: return "freeze-daemon";
    case FaultKind::kKillProgram: return "kill-program";
    case FaultKind::kFreezeProgram: return "freeze-program";
    case FaultKind::kStopPostgres: return "stop-postgres";
    case FaultKind::kKillPostgres: return "kill-postgres";
    case FaultKind::kTerminateBackend: return "terminate-backend";
    case FaultKind::kCutWire: return "cut-wire";
    case FaultKind::kPartition: return "partition";
    case FaultKind::kPartitionOneWay: return "partition-one-way";
    case FaultKind::kDiskFull: return "disk-full";
    case FaultKind::kOperator: return "operator";
    case FaultKind::kMajorityGone: return "majority-gone";
  }
  return "?";
}

std::vector<PlannedFault> MakePlan(std::uint64_t seed, milliseconds length, milliseconds every,
                                   bool disk_full) {
  std::mt19937_64 random(seed);  // its numbers are the same everywhere; a distribution's are not
  std::vector<PlannedFault> plan;
  std::array<int, kFaultKinds> order{};
  std::iota(order.begin(), order.end(), 0);
  for (int number = 0; (number + 1) * every <= length; ++number) {
    const int turn = number % kFaultKinds;
    // Each kind once, in an order of its own each time.
    for (int i = kFaultKinds - 1; turn == 0 && i > 0; --i)
      std::swap(order[i], order[random() % (i + 1)]);
    PlannedFault fault;
    fault.kind = static_cast<FaultKind>(order[turn]);
    fault.at = number * every + milliseconds(random() % static_cast<unsigned>(every.count()));
    fault.target = static_cast<std::uint32_t>(random());
    const Range lasts = LastsOf(fault.kind);
    const auto width = static_cast<unsigned>(lasts.to_ms - lasts.from_ms + 1);
    fault.lasts = milliseconds(lasts.from_ms + static_cast<int>(random() % width));
    fault.detail = static_cast<std::uint32_t>(random());
    if (fault.kind != FaultKind::kDiskFull || disk_full) plan.push_back(fault);
  }
  return plan;
}

}  // namespace settle::testing
