#include "simulation/campaign.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace settle::simulation {
namespace {

constexpr std::size_t kNamed = 20;
constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

void Name(Campaign& sum, std::uint64_t seed) {
  sum.violating.insert(seed);
  if (sum.violating.size() > kNamed) sum.violating.erase(std::prev(sum.violating.end()));
}

void Add(Campaign& sum, const SeedResult& result, std::uint64_t seed) {
  ++sum.seeds;
  for (std::size_t kind = 0; kind < kFaults; ++kind) sum.faults[kind] += result.faults[kind];
  sum.events += result.events;
  sum.transactions += result.transactions;
  sum.settled_after_max = std::max(sum.settled_after_max, result.settled_after);
  if (result.violations.empty()) return;
  ++sum.violations;
  Name(sum, seed);
}

void Add(Campaign& sum, const Campaign& part) {
  sum.seeds += part.seeds;
  sum.violations += part.violations;
  for (std::size_t kind = 0; kind < kFaults; ++kind) sum.faults[kind] += part.faults[kind];
  sum.events += part.events;
  sum.transactions += part.transactions;
  sum.settled_after_max = std::max(sum.settled_after_max, part.settled_after_max);
  for (const std::uint64_t seed : part.violating) Name(sum, seed);
}

// Calls `run` with each seed, on several threads, in about that order.
template <typename RunOne>
Campaign OnThreads(const Range& range, const RunOne& run) {
  std::atomic<std::uint64_t> next{range.start};
  std::mutex mutex;
  Campaign sum;
  const auto work = [&] {
    Campaign part;
    for (;;) {
      const std::uint64_t seed = next++;
      if (seed >= range.start + range.seeds || !run(seed, part)) break;
    }
    const std::lock_guard lock(mutex);
    Add(sum, part);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < range.jobs; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return sum;
}

}  // namespace

Campaign RunSeeds(const Range& range) {
  return OnThreads(range, [&range](std::uint64_t seed, Campaign& part) {
    Add(part, RunSeed(range.protocol, seed), seed);
    return true;
  });
}

Catch Try(const Mutant& mutant, std::size_t tries, const Range& from) {
  planted_bug = mutant.bug;
  Catch caught;
  std::vector<std::uint64_t> needed;
  for (std::size_t i = 0; i < tries; ++i) {
    Range range = from;
    range.start += i * from.seeds;  // disjoint
    std::atomic<std::uint64_t> first{kNone};
    OnThreads(range, [&](std::uint64_t seed, Campaign&) {
      if (seed > first) return false;
      if (RunSeed(range.protocol, seed).violations.empty()) return true;
      std::uint64_t known = first;
      while (seed < known && !first.compare_exchange_weak(known, seed)) {
      }
      return false;
    });
    ++caught.tries;
    needed.push_back(first == kNone ? kNone : first - range.start + 1);
    if (first == kNone) continue;
    ++caught.caught;
    const std::string violation = RunSeed(range.protocol, first).violations.front();
    ++caught.by_invariant[violation.substr(0, violation.find(':'))];
  }
  planted_bug = PlantedBug::kNone;
  std::nth_element(needed.begin(), needed.begin() + static_cast<long>(needed.size() / 2),
                   needed.end());
  if (!needed.empty() && needed[needed.size() / 2] != kNone)
    caught.seeds_median = needed[needed.size() / 2];
  return caught;
}

}  // namespace settle::simulation
