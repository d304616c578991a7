// settle-crash-matrix: plays every scenario with a crash after each step of each actor. The last
// line counts what was played.
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "crash_matrix/matrix.h"
#include "settle/vocabulary/gtid.h"
#include "simulation/command_line.h"
#include "simulation/mutants.h"

namespace {

namespace po = boost::program_options;
using namespace settle::crash_matrix;
using settle::Escaped;

const std::string kNone = "none";
constexpr Databases kAllKinds[] = {Databases::kPostgres, Databases::kSqlite, Databases::kMixed};

struct Options {
  std::optional<std::string> scenario;   // none: all
  std::optional<std::string> databases;  // none: all
  std::vector<std::string> crashes;
  std::optional<std::uint64_t> timing;
  Again again = Again::kAll;
};

std::vector<Crash> ParseCrashes(const std::vector<std::string>& texts) {
  std::vector<Crash> crashes;
  for (const std::string& text : texts) {
    if (text == kNone) continue;
    const std::optional<Crash> crash = ParseCrash(text);
    if (!crash)
      throw po::error("--crash " + Escaped(text) +
                      " is not ACTOR:STEP:soon|late[:RECORDS], steps from 1");
    crashes.push_back(*crash);
  }
  return crashes;
}

std::vector<const Scenario*> WantedScenarios(const std::optional<std::string>& name) {
  std::vector<const Scenario*> wanted;
  for (const Scenario& scenario : Scenarios()) {
    if (!name || scenario.name == *name) wanted.push_back(&scenario);
  }
  if (wanted.empty())
    throw po::error("no scenario is called \"" + Escaped(*name) + "\"; --list names them");
  return wanted;
}

std::vector<Databases> WantedDatabases(const std::optional<std::string>& name) {
  std::vector<Databases> wanted;
  for (const Databases databases : kAllKinds) {
    if (!name || ToString(databases) == *name) wanted.push_back(databases);
  }
  if (wanted.empty())
    throw po::error("--databases is postgresql, sqlite or mixed, not \"" + Escaped(*name) + "\"");
  return wanted;
}

void SwitchOn(const std::string& mutant) {
  const settle::simulation::Mutant* found = settle::simulation::FindMutant(mutant);
  if (found == nullptr) throw po::error("no mutant is called \"" + Escaped(mutant) + "\"");
  settle::planted_bug = found->bug;
}

int Run(const Options& options) {
  const std::vector<const Scenario*> scenarios = WantedScenarios(options.scenario);
  const std::vector<Databases> kinds = WantedDatabases(options.databases);
  const std::vector<Crash> crashes = ParseCrashes(options.crashes);
  const auto began = std::chrono::steady_clock::now();
  const Staging staging{.timing = options.timing, .again = options.again};
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

po::options_description Known() {
  po::options_description known("settle-crash-matrix");
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  auto add = known.add_options();
  add("help", "show this");
  add("list", "name the scenarios");
  add("scenario", text("NAME"), "only this one");
  add("databases", text("KIND"), "only postgresql, sqlite or mixed ones");
  add("timing", text("NUMBER"),
      "another number: other delays than the scenario's own, in which the same must hold");
  add("mutant", text("NAME"), "with this bug planted; settle-simulate --list-mutants names them");
  add("sampled",
      "of the coordinator's crashes while it recovers from a crash only every seventh, as ctest "
      "does");
  add("crash", po::value<std::vector<std::string>>()->composing()->value_name("CRASH"),
      "only this play, with its transcript: ACTOR:STEP:soon|late[:RECORDS]. ACTOR is coordinator, "
      "process-1, bank-a or everybody; it dies right after its step number STEP and comes back "
      "soon or after all timers ran out; RECORDS of those on their way to the disk survive. Given "
      "again: the next crash, its steps counted from the one before. \"none\": what it is without "
      "a crash");
  return known;
}

int Main(int argc, char** argv) {
  const po::variables_map given = settle::simulation::ReadCommandLine(argc, argv, Known());
  if (given.count("help") != 0) {
    std::cout << Known()
              << "Exit: 0 no violation, 1 a violation (with its transcript), 64 wrong usage.\n";
    return 0;
  }
  if (given.count("list") != 0) {
    for (const Scenario& scenario : Scenarios())
      std::cout << scenario.name << ": " << scenario.story << '\n';
    return 0;
  }
  Options options;
  if (given.count("scenario") != 0) options.scenario = given["scenario"].as<std::string>();
  if (given.count("databases") != 0) options.databases = given["databases"].as<std::string>();
  if (given.count("crash") != 0) options.crashes = given["crash"].as<std::vector<std::string>>();
  if (given.count("mutant") != 0) SwitchOn(given["mutant"].as<std::string>());
  if (given.count("sampled") != 0) options.again = Again::kSampled;
  options.timing = settle::simulation::NumberOf(given, "timing", 0, UINT64_MAX);
  return Run(options);
}

}  // namespace

int main(int argc, char** argv) {
  NameThePlayOnAbort();
  try {
    return Main(argc, argv);
  } catch (const po::error& error) {
    std::cerr << "settle-crash-matrix: " << error.what() << '\n';
    return 64;
  }
}
