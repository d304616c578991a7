// Many seeds, on one or several threads, with the same result for each.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "simulation/mutants.h"
#include "simulation/simulation.h"

namespace settle::simulation {

// start + seeds * tries + jobs is less than 2^64.
struct Range {
  Protocol protocol = Protocol::kTwoPhase;
  std::uint64_t start = 1;
  std::uint64_t seeds = 1000;
  unsigned jobs = 1;  // threads
};

struct Campaign {
  std::uint64_t seeds = 0;            // that were run
  std::uint64_t violations = 0;       // seeds with at least one
  std::set<std::uint64_t> violating;  // the lowest few of those seeds
  FaultCounts faults{};
  std::uint64_t events = 0;
  std::uint64_t transactions = 0;
  microseconds settled_after_max{0};
};

Campaign RunSeeds(const Range& range);

// How a mutant fares, tried from several starts with up to `seeds_most` seeds each.
struct Catch {
  std::size_t tries = 0;
  std::size_t caught = 0;
  // Until it was caught; none: half of the tries or more did not catch it.
  std::optional<std::uint64_t> seeds_median;
  std::map<std::string, std::size_t> by_invariant;  // which was violated first, in how many tries
};

// The bug is switched on for the whole process meanwhile.
Catch Try(const Mutant& mutant, std::size_t tries, const Range& from);

}  // namespace settle::simulation
