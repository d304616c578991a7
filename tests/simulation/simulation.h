// One seed: a world of its own, a rough phase in which everything may break, then a healed one in
// which everything must end, then the invariants.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "simulation/protocol.h"
#include "simulation/world.h"

namespace settle::simulation {

// After healing everything has ended within this time.
inline constexpr microseconds kHealedBound{5'000'000};

struct SeedResult {
  std::vector<std::string> violations;  // "atomicity: ..."; empty: the invariants hold
  FaultCounts faults{};
  std::uint64_t events = 0;
  std::uint64_t transactions = 0;
  microseconds settled_after{0};        // the healing
  std::vector<std::string> transcript;  // if it was asked for
};

// Thread-safe. The same seed gives the same result. `halfway` runs between the two phases.
SeedResult RunSeed(Protocol protocol, std::uint64_t seed,
                   World::Telling telling = World::Telling::kNothing,
                   const std::function<void()>& halfway = {});

// An assertion of the sources that does not hold ends the process (SETTLE_ASSERT). From now on that
// is told first, with the transcript so far if one was asked for, and the exit code is 1.
using TellAssertion =
    std::function<void(std::uint64_t seed, const std::vector<std::string>& transcript)>;
void OnAssertion(TellAssertion tell);

}  // namespace settle::simulation
