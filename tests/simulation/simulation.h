// One seed: a world of its own, a rough phase in which everything may break, then a healed one in
// which everything must end, then the invariants.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace settle::simulation {

struct SeedResult {
  std::vector<std::string> violations;  // empty: the invariants hold
  std::map<std::string, std::uint64_t> faults;
  std::uint64_t events = 0;
  std::uint64_t transactions = 0;
  std::vector<std::string> transcript;  // only with violations
};

SeedResult RunSeed(std::uint64_t seed);

}  // namespace settle::simulation
