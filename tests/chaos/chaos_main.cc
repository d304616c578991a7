// settle-chaos: real programs and databases under random faults, judged from the outside.
// scripts/chaos builds and starts it.
#include <boost/program_options.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "chaos/chaos_run.h"
#include "support/command_line.h"

namespace {

namespace options = boost::program_options;
using namespace settle::testing;
using std::chrono::milliseconds;

constexpr int kHeld = 0;
constexpr int kViolated = 1;
constexpr int kCannotRun = 3;

int PrintPlan(const ChaosOptions& chaos) {
  for (const PlannedFault& fault : MakePlan(chaos.seed, chaos.length, chaos.every, true)) {
    std::cout << fault.at.count() << " ms: " << ToString(fault.kind) << ", target " << fault.target
              << ", for " << fault.lasts.count() << " ms, detail " << fault.detail << "\n";
  }
  return kHeld;
}

int Play(const ChaosOptions& chaos, bool json) {
  const ChaosReport report = RunChaos(chaos);
  if (json) {
    std::cout << JsonOf(chaos, report).dump() << std::endl;
  } else {
    std::cout << TableOf(chaos, report) << std::flush;
  }
  if (report.held()) return kHeld;
  std::cerr << "settle-chaos: databases, logs and notes are kept in " << report.kept
            << "\nThe same faults again, as far as real processes can be replayed: --seed "
            << chaos.seed << " --seconds " << chaos.length.count() / 1'000 << " --every "
            << static_cast<double>(chaos.every.count()) / 1'000 << "\n";
  return kViolated;
}

}  // namespace

int main(int argc, char** argv) {
  ChaosOptions chaos;
  double seconds = 60;
  double minutes = 0;
  double every = 2;
  double bound = 10;
  bool json = false;
  bool soak = false;
  bool plan = false;
  options::options_description all(
      "settle-chaos [options]\n\n"
      "A mixed load of 2PC, 3PC, sagas and reservations over two PostgreSQL clusters and SQLite\n"
      "files, with faults at random; then everything heals, comes to rest and is checked.\n"
      "Needs SETTLE_BIN, the folder of the build's programs.\n\n"
      "Exit code: 0 everything holds, 1 something does not (it is named, and the files are kept),\n"
      "2 wrong use, 3 it cannot run here.\n\nOptions");
  auto add = all.add_options();
  add("seconds", options::value(&seconds), "how long the load runs: 60");
  add("minutes", options::value(&minutes), "the same in minutes");
  add("seed", options::value(&chaos.seed), "of the faults and the load: 1");
  add("every", options::value(&every), "seconds from one fault to the next: 2");
  add("bound", options::value(&bound),
      "seconds within which nothing is in doubt after healing: 10");
  add("soak", options::bool_switch(&soak),
      "no faults: whether memory, open files, the log or what is in doubt grow without end");
  add("plan", options::bool_switch(&plan), "print the faults of this seed, and end");
  add("json", options::bool_switch(&json), "one JSON object instead of the table");
  add("keep", options::value(&chaos.keep_in)->default_value(TemporaryDirectory::DefaultParent()),
      "where the files of a failed run are kept");
  add("help", "this text");
  const auto check = [&] {
    if (minutes > 0) seconds = minutes * 60;
    if (seconds < 1 || seconds > 1e6 || every < 0.1 || every > 1e6 || bound < 0 || bound > 1e6) {
      throw options::error("a number is out of range");
    }
  };
  if (const auto code = ReadCommandLine("settle-chaos", argc, argv, all, check)) return *code;
  chaos.length = milliseconds(static_cast<std::int64_t>(seconds * 1'000));
  chaos.every = milliseconds(soak ? 0 : static_cast<std::int64_t>(every * 1'000));
  chaos.bound = milliseconds(static_cast<std::int64_t>(bound * 1'000));
  if (plan) return soak ? kHeld : PrintPlan(chaos);
  try {
    return Play(chaos, json);
  } catch (const std::exception& error) {
    std::cerr << "settle-chaos: " << error.what() << "\n";
    return kCannotRun;
  }
}
