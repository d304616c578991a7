// settle-simulate: attacks the protocol with seeded worlds, as many as asked for. The last line is
// one JSON object.
#include <fmt/format.h>

#include <boost/program_options/errors.hpp>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "simulation/campaign.h"
#include "simulation/options.h"

namespace settle::simulation {
namespace {

// Exit codes.
constexpr int kHolds = 0;
constexpr int kViolated = 1;  // or a mutant was not caught
constexpr int kUsage = 64;

class Stopwatch {
 public:
  double wall() const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    return took.count();
  }
  // Of all threads: what counts on a machine that others use as well.
  double cpu() const { return static_cast<double>(std::clock() - clock_) / CLOCKS_PER_SEC; }

 private:
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::clock_t clock_ = std::clock();
};

// Lines about the transactions that `violations` name, and about the world.
bool Concerns(const std::string& line, const std::vector<std::string>& violations) {
  if (line.find("----") != std::string::npos || line.find("VIOLATION") != std::string::npos)
    return true;
  static const std::string kGtid = "simulatedlog.";
  const std::size_t at = line.find(kGtid);
  if (at == std::string::npos) return false;
  for (const std::string& violation : violations) {
    for (std::size_t from = violation.find(kGtid); from != std::string::npos;
         from = violation.find(kGtid, from + 1)) {
      const std::string gtid = violation.substr(from, violation.find_first_of(": ,", from) - from);
      if (line.find(gtid) != std::string::npos) return true;
    }
  }
  return false;
}

std::string ReplayWith(std::uint64_t seed, const Options& options) {
  return fmt::format("replay it with: settle-simulate --protocol {} --seeds 1 --start {}{} {}\n\n",
                     ToString(options.range.protocol), seed,
                     options.mutant.empty() ? "" : " --mutant " + options.mutant,
                     "--whole-transcript");
}

void PrintViolation(std::uint64_t seed, const Options& options) {
  const SeedResult result = RunSeed(options.range.protocol, seed, World::Telling::kTranscript);
  bool names = false;  // a transaction
  for (const std::string& violation : result.violations)
    names = names || violation.find("simulatedlog.") != std::string::npos;
  for (const std::string& line : result.transcript) {
    if (options.whole_transcript || !names || Concerns(line, result.violations))
      std::cout << line << '\n';
  }
  std::cout << "\nseed " << seed << " violates:\n";
  for (const std::string& violation : result.violations) std::cout << "  " << violation << '\n';
  std::cout << ReplayWith(seed, options);
}

void PrintLastLine(const Options& options, nlohmann::json line) {
  line["protocol"] = ToString(options.range.protocol);
  std::cout << line.dump() << '\n';
}

void PrintAssertion(std::uint64_t seed, const std::vector<std::string>& transcript,
                    const Options& options) {
  for (const std::string& line : transcript) std::cout << line << '\n';
  std::cout << "\nseed " << seed << " met an assertion that does not hold, named above\n"
            << ReplayWith(seed, options);
  PrintLastLine(options, {{"violations", 1}, {"violating_seeds", {seed}}});
  std::cout << std::flush;
}

int Simulate(const Options& options) {
  OnAssertion([&](std::uint64_t seed, const std::vector<std::string>& transcript) {
    PrintAssertion(seed, transcript, options);
  });
  // Should an assertion end it, its transcript is there.
  if (options.range.seeds == 1)
    RunSeed(options.range.protocol, options.range.start, World::Telling::kTranscript);
  const Stopwatch watch;
  const Campaign campaign = RunSeeds(options.range);
  const double wall = watch.wall();
  const double cpu = watch.cpu();
  if (!campaign.violating.empty()) PrintViolation(*campaign.violating.begin(), options);
  nlohmann::json faults;
  for (const Fault kind : FaultsOf(options.range.protocol))
    faults[ToString(kind)] = campaign.faults[static_cast<std::size_t>(kind)];
  nlohmann::json line{{"start", options.range.start},
                      {"seeds", campaign.seeds},
                      {"violations", campaign.violations},
                      {"transactions", campaign.transactions},
                      {"faults_fired", faults},
                      {"events", campaign.events},
                      {"settled_after_ms_max", campaign.settled_after_max.count() / 1000},
                      {"settled_after_ms_bound", kHealedBound.count() / 1000},
                      {"seeds_per_s", static_cast<double>(campaign.seeds) / wall},
                      {"seeds_per_cpu_s", static_cast<double>(campaign.seeds) / cpu}};
  if (!options.mutant.empty()) line["mutant"] = options.mutant;
  if (!campaign.violating.empty()) line["violating_seeds"] = campaign.violating;
  PrintLastLine(options, std::move(line));
  return campaign.violations == 0 ? kHolds : kViolated;
}

int CheckMutants(const Options& options) {
  nlohmann::json table = nlohmann::json::array();
  std::size_t escaped = 0;
  const std::vector<Mutant> mutants = MutantsOf(options.range.protocol);
  std::cout << fmt::format("{:<42} {:>7} {:>13}  {}\n", "mutant", "caught", "median seeds", "by");
  for (const Mutant& mutant : mutants) {
    const Catch result = Try(mutant, options.tries, options.range);
    std::string by;
    for (const auto& [invariant, times] : result.by_invariant)
      by += fmt::format("{}{} ({})", by.empty() ? "" : ", ", invariant, times);
    const std::string median = result.seeds_median ? std::to_string(*result.seeds_median)
                                                   : fmt::format(">{}", options.range.seeds);
    std::cout << fmt::format("{:<42} {:>3}/{:<3} {:>13}  {}", mutant.name, result.caught,
                             result.tries, median, by)
              << std::endl;
    if (result.caught != result.tries) ++escaped;
    table.push_back({{"name", mutant.name},
                     {"caught", result.caught == result.tries},
                     {"seeds_median", result.seeds_median ? nlohmann::json(*result.seeds_median)
                                                          : nlohmann::json()},
                     {"by", result.by_invariant}});
  }
  PrintLastLine(options, {{"mutants", mutants.size()},
                          {"escaped", escaped},
                          {"tries", options.tries},
                          {"seeds_most", options.range.seeds},
                          {"table", table}});
  return escaped == 0 ? kHolds : kViolated;
}

int ListMutants(Protocol protocol) {
  for (const Mutant& mutant : MutantsOf(protocol))
    std::cout << fmt::format("{:<42} {}\n", mutant.name, mutant.what);
  return kHolds;
}

int Main(int argc, char** argv) {
  Options options;
  try {
    options = ParseOptions(argc, argv);
  } catch (const boost::program_options::error& error) {
    std::cerr << "settle-simulate: " << error.what() << '\n';
    return kUsage;
  }
  if (options.help) {
    std::cout << HelpText();
    return kHolds;
  }
  if (options.list_mutants) return ListMutants(options.range.protocol);
  if (options.mutant == "all") return CheckMutants(options);
  if (const Mutant* mutant = FindMutant(options.mutant)) planted_bug = mutant->bug;
  return Simulate(options);
}

}  // namespace
}  // namespace settle::simulation

int main(int argc, char** argv) { return settle::simulation::Main(argc, argv); }
