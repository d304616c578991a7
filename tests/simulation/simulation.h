// One seed: a world of its own, a rough phase in which everything may break, then a healed one in
// which everything must end, then the invariants.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

// Thread-safe. The same seed gives the same result.
SeedResult RunSeed(std::uint64_t seed, World::Telling telling = World::Telling::kNothing);

}  // namespace settle::simulation
