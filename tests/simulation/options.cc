#include "simulation/options.h"

#include <sstream>

#include "settle/vocabulary/gtid.h"
#include "simulation/command_line.h"

namespace settle::simulation {
namespace {

namespace po = boost::program_options;

// So large that nobody needs more, and that no sum of them overflows.
constexpr std::uint64_t kStartMost = 1'000'000'000'000'000'000;
constexpr std::uint64_t kSeedsMost = 1'000'000'000'000;
constexpr std::uint64_t kTriesMost = 1'000;
constexpr std::uint64_t kJobsMost = 64;

// Of each try with --mutant all: many times what any of them needs, so that all are caught.
constexpr std::uint64_t kMutantSeeds = 20'000;

po::options_description Known() {
  po::options_description known("settle-simulate");
  const auto number = [] { return po::value<std::string>()->value_name("NUMBER"); };
  const auto word = [] { return po::value<std::string>()->value_name("NAME"); };
  auto add = known.add_options();
  add("help", "show this");
  add("protocol", word(), "2pc (default), 3pc, saga or tcc");
  add("seeds", number(),
      "how many seeds to run (default 1000); with --mutant all, how many at the most for each try "
      "(default 20000)");
  add("start", number(), "the first seed (default 1)");
  add("jobs", number(), "threads; 1 to 64 (default 1)");
  add("list-mutants", po::bool_switch(),
      "the bugs that can be planted in the protocol, one a line");
  add("mutant", word(),
      "plant that bug: the run should find it. \"all\": plant one after the other, and say for "
      "each whether it was caught, by what, and after how many seeds");
  add("tries", number(), "with --mutant all: from how many different starts (default 5)");
  add("whole-transcript", po::bool_switch(),
      "of a violation, also what concerns other transactions");
  return known;
}

Protocol ProtocolOf(const po::variables_map& given) {
  if (given.count("protocol") == 0) return Protocol::kTwoPhase;
  const auto& name = given["protocol"].as<std::string>();
  if (const auto protocol = ParseProtocol(name)) return *protocol;
  throw po::error("--protocol is \"" + Escaped(name) + "\"; it can be 2pc, 3pc, saga or tcc");
}

std::string MutantOf(const po::variables_map& given, Protocol protocol) {
  if (given.count("mutant") == 0) return {};
  const auto& name = given["mutant"].as<std::string>();
  if (name == "all") return name;
  const Mutant* mutant = FindMutant(name);
  if (mutant == nullptr || mutant->protocol != protocol) {
    throw po::error("--mutant \"" + Escaped(name) + "\" is not one of --list-mutants" +
                    (mutant == nullptr ? ""
                                       : std::string(" of this protocol, but of --protocol ") +
                                             ToString(mutant->protocol)));
  }
  return name;
}

}  // namespace

Options ParseOptions(int argc, const char* const* argv) {
  const po::variables_map given = ReadCommandLine(argc, argv, Known());
  Options options;
  options.help = given.count("help") != 0;
  options.list_mutants = given["list-mutants"].as<bool>();
  options.whole_transcript = given["whole-transcript"].as<bool>();
  Range& range = options.range;
  range.protocol = ProtocolOf(given);
  options.mutant = MutantOf(given, range.protocol);
  if (options.mutant == "all") range.seeds = kMutantSeeds;
  range.seeds = NumberOf(given, "seeds", 1, kSeedsMost).value_or(range.seeds);
  range.start = NumberOf(given, "start", 0, kStartMost).value_or(range.start);
  range.jobs = static_cast<unsigned>(NumberOf(given, "jobs", 1, kJobsMost).value_or(range.jobs));
  if (given.count("tries") != 0 && options.mutant != "all")
    throw po::error("--tries is for --mutant all");
  options.tries = NumberOf(given, "tries", 1, kTriesMost).value_or(options.tries);
  return options;
}

std::string HelpText() {
  std::ostringstream text;
  text << Known() << "Exit: 0 no violation (with --mutant all: every mutant caught), "
       << "1 a violation, with its transcript\n(or a mutant that was not caught), "
       << "64 wrong usage.\n";
  return text.str();
}

}  // namespace settle::simulation
