// settle-crash-matrix: plays every scenario with a crash after each step of each actor. The last
// line counts what was played.
#include <boost/program_options.hpp>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "crash_matrix/matrix.h"
#include "simulation/mutants.h"

namespace {

namespace po = boost::program_options;
using namespace settle::crash_matrix;

const std::string kNone = "none";
constexpr Databases kAllKinds[] = {Databases::kPostgres, Databases::kSqlite, Databases::kMixed};

struct Options {
  std::string scenario;
  std::string databases;
  std::vector<std::string> crashes;
  std::optional<std::uint64_t> timing;
};

std::vector<Crash> ParseCrashes(const std::vector<std::string>& texts) {
  std::vector<Crash> crashes;
  for (const std::string& text : texts) {
    if (text == kNone) continue;
    const std::optional<Crash> crash = ParseCrash(text);
    if (!crash)
      throw po::error("--crash " + text + " is not ACTOR:STEP:soon|late[:RECORDS], steps from 1");
    crashes.push_back(*crash);
  }
  return crashes;
}

std::vector<const Scenario*> WantedScenarios(const std::string& name) {
  std::vector<const Scenario*> wanted;
  for (const Scenario& scenario : Scenarios()) {
    if (name.empty() || scenario.name == name) wanted.push_back(&scenario);
  }
  if (wanted.empty()) throw po::error("no scenario is called " + name + "; --list names them");
  return wanted;
}

std::vector<Databases> WantedDatabases(const std::string& name) {
  std::vector<Databases> wanted;
  for (const Databases databases : kAllKinds) {
    if (name.empty() || ToString(databases) == name) wanted.push_back(databases);
  }
  if (wanted.empty()) throw po::error("--databases is postgresql, sqlite or mixed, not " + name);
  return wanted;
}

void SwitchOn(const std::string& mutant) {
  const settle::simulation::Mutant* found = settle::simulation::FindMutant(mutant);
  if (found == nullptr) throw po::error("no mutant is called " + mutant);
  settle::planted_bug = found->bug;
}

int Run(const Options& options) {
  const std::vector<const Scenario*> scenarios = WantedScenarios(options.scenario);
  const std::vector<Databases> kinds = WantedDatabases(options.databases);
  const std::vector<Crash> crashes = ParseCrashes(options.crashes);
  const auto began = std::chrono::steady_clock::now();
  const Staging staging{.timing = options.timing};
  Tally tally;
  for (const Scenario* scenario : scenarios) {
    for (const Databases databases : kinds) {
      tally += options.crashes.empty()
                   ? RunCell(*scenario, databases, staging, std::cout)
                   : RunEntry(*scenario, databases, crashes, staging, std::cout);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << scenarios.size() << " scenarios, " << tally.cells << " cells, " << tally.points
            << " crash points, " << tally.plays << " plays with " << tally.crashes << " crashes, "
            << tally.violations << " violations; longest recovery " << tally.longest.count() / 1000
            << " ms of simulated time; took " << took.count() << " s\n";
  return tally.violations == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  NameThePlayOnAbort();
  Options options;
  po::options_description described("settle-crash-matrix");
  described.add_options()("help", "show this")("list", "name the scenarios")(
      "scenario", po::value(&options.scenario), "only this one")(
      "databases", po::value(&options.databases), "only postgresql, sqlite or mixed ones")(
      "timing", po::value<std::uint64_t>(),
      "another number: other delays than the scenario's own, in which the same must hold")(
      "mutant", po::value<std::string>(),
      "with this bug planted; settle-simulate --list-mutants names them")(
      "crash", po::value(&options.crashes)->composing(),
      "only this play, with its transcript: ACTOR:STEP:soon|late[:RECORDS]. ACTOR is coordinator, "
      "process-1, bank-a or everybody; it dies right after its step number STEP and comes back "
      "soon or after all timers ran out; RECORDS of those on their way to the disk survive. Given "
      "again: the next crash, its steps counted from the one before. \"none\": what it is without "
      "a crash");
  try {
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, described), given);
    po::notify(given);
    if (given.count("help") != 0) {
      std::cout << described
                << "Exit: 0 no violation, 1 a violation (with its transcript), 64 wrong usage.\n";
      return 0;
    }
    if (given.count("list") != 0) {
      for (const Scenario& scenario : Scenarios())
        std::cout << scenario.name << ": " << scenario.story << '\n';
      return 0;
    }
    if (given.count("mutant") != 0) SwitchOn(given["mutant"].as<std::string>());
    if (given.count("timing") != 0) options.timing = given["timing"].as<std::uint64_t>();
    return Run(options);
  } catch (const po::error& error) {
    std::cerr << "settle-crash-matrix: " << error.what() << '\n';
    return 64;
  }
}
