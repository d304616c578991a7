// settle-simulate: attacks the protocol with seeded worlds, as many as asked for. The last line is
// one JSON object.
#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "simulation/simulation.h"

namespace {

namespace po = boost::program_options;
using settle::simulation::RunSeed;
using settle::simulation::SeedResult;

struct Options {
  std::uint64_t seeds = 1000;
  std::uint64_t start = 1;
  std::string protocol = "2pc";
};

void PrintViolation(std::uint64_t seed, const SeedResult& result, const Options& options) {
  for (const std::string& line : result.transcript) std::cout << line << '\n';
  std::cout << "\nseed " << seed << " violates:\n";
  for (const std::string& violation : result.violations) std::cout << "  " << violation << '\n';
  std::cout << "replay it with: settle-simulate --protocol " << options.protocol
            << " --seeds 1 --start " << seed << "\n\n";
}

int Simulate(const Options& options) {
  nlohmann::json faults = nlohmann::json::object();
  std::uint64_t violations = 0;
  std::uint64_t events = 0;
  std::uint64_t transactions = 0;
  std::int64_t longest = 0;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = options.start; seed < options.start + options.seeds; ++seed) {
    const SeedResult result = RunSeed(seed);
    events += result.events;
    transactions += result.transactions;
    for (std::size_t kind = 0; kind < settle::simulation::kFaults; ++kind) {
      const char* name = ToString(static_cast<settle::simulation::Fault>(kind));
      faults[name] = faults.value(name, std::uint64_t{0}) + result.faults[kind];
    }
    longest = std::max(longest, result.settled_after.count());
    if (result.violations.empty()) continue;
    if (++violations <= 3) PrintViolation(seed, RunSeed(seed, settle::simulation::World::Telling::kTranscript), options);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << nlohmann::json{{"protocol", options.protocol},
                              {"seeds", options.seeds},
                              {"violations", violations},
                              {"transactions", transactions},
                              {"faults_fired", faults},
                              {"events", events},{"settled_after_us_max", longest},
                              {"seeds_per_s", static_cast<double>(options.seeds) / took.count()}}
                   .dump()
            << '\n';
  return violations == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  po::options_description described("settle-simulate");
  described.add_options()("help", "show this")(
      "protocol", po::value(&options.protocol)->default_value("2pc"), "2pc is all there is")(
      "seeds", po::value(&options.seeds)->default_value(1000), "how many seeds to run")(
      "start", po::value(&options.start)->default_value(1), "the first seed");
  try {
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, described), given);
    po::notify(given);
    if (given.count("help") != 0) {
      std::cout << described
                << "Exit: 0 no violation, 1 a violation (with its transcript), 64 wrong usage.\n";
      return 0;
    }
    if (options.protocol != "2pc")
      throw po::error("--protocol is \"" + options.protocol + "\"; it can be 2pc");
  } catch (const po::error& error) {
    std::cerr << "settle-simulate: " << error.what() << '\n';
    return 64;
  }
  return Simulate(options);
}
