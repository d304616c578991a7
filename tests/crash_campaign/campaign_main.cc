// settle-crash-campaign: kills real processes at every named place, and checks what is left.
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <regex>
#include <string>
#include <vector>

#include "crash_campaign/campaign.h"
#include "settle/vocabulary/gtid.h"

namespace {

namespace po = boost::program_options;
using namespace settle::testing;
using settle::Escaped;

constexpr int kSound = 0;
constexpr int kViolation = 1;
constexpr int kUsage = 2;
constexpr int kEmpty = 3;
constexpr int kNoWorld = 4;

constexpr const char* kWhat =
    "scripts/crash-campaign [options]\n\n"
    "Starts real settled, programs, PostgreSQL servers and SQLite files, plays transactions of "
    "every\n"
    "protocol, and kills a process at each pass of each failpoint (docs/failpoints.md). What died "
    "is\n"
    "started again; when all is quiet, the databases and what the programs noted are checked.\n"
    "Prints the matrix: how many kills fired at each place, by protocol and database.\n\nOptions";
constexpr const char* kExitCodes =
    "\nExit codes:\n"
    "  0  nothing was lost, no cell is empty\n"
    "  1  a violation: each is printed with the command that plays it again\n"
    "  2  wrong use\n"
    "  3  a cell of the matrix is empty, a fault fired where the table has none, or the table of "
    "the\n"
    "     failpoints lacks a place\n"
    "  4  the world could not be made, e.g. there is no PostgreSQL\n";

po::options_description Known(CampaignOptions& options, std::string& protocol,
                              std::string& databases, std::string& faults) {
  po::options_description known(kWhat, 100);
  auto add = known.add_options();
  add("help", "this text");
  add("list", "name the plays");
  add("places", "print the table of the failpoints");
  add("json", "one JSON object on standard output instead of the matrix");
  add("verbose", "a line for each kill");
  add("play", po::value(&options.plays)->value_name("NAME"), "only this one; may be repeated");
  add("protocol", po::value(&protocol)->value_name("2pc|3pc|saga|tcc"), "only this one's plays");
  add("databases", po::value(&databases)->value_name("postgresql|sqlite"), "only over these");
  add("place", po::value(&options.places)->value_name("REGEX"), "only places that match");
  add("passes", po::value(&options.passes)->value_name("N")->default_value(options.passes),
      "so many passes of a place by one process in one play are each a cell");
  add("sample", po::value(&options.sample)->value_name("N"),
      "only so many cells of each play, drawn by the seed; then empty cells are no failure");
  add("double", po::value(&options.doubles)->value_name("N"),
      "so many cells with a second crash in the next life");
  add("triple", po::value(&options.triples)->value_name("N"),
      "and with a third one in the life after");
  add("watch", "kill nobody: the matrix counts the passes instead");
  add("faults", po::value(&faults)->value_name("kills|others|all")->default_value("all"),
      "others: errors, torn writes, delays and freezes, one a place and play; then empty cells are "
      "no failure");
  add("seed", po::value(&options.seed)->value_name("S")->default_value(options.seed),
      "of what is drawn");
  add("jobs", po::value(&options.jobs)->value_name("N")->default_value(options.jobs),
      "plays at a time");
  add("only", po::value(&options.only)->value_name("CRASHES"),
      "just these, e.g. daemon/0:engine.decided:1,daemon/1:log.open.folded:1; with --play and "
      "--databases, as a violation prints them");
  return known;
}

bool IsWhole(const CampaignOptions& options) {
  return options.plays.empty() && options.sample == 0 && options.only.empty() && options.kills;
}

void Interpret(const std::string& protocol, const std::string& databases, const std::string& faults,
               CampaignOptions& options) {
  if (faults != "kills" && faults != "others" && faults != "all")
    throw po::error("--faults is kills, others or all, not \"" + Escaped(faults) + "\"");
  options.kills = faults != "others";
  options.other_faults = faults != "kills";
  if (!protocol.empty()) {
    options.protocols = 0;
    for (const Protocols one : kEach)
      if (protocol == NameOf(one)) options.protocols = one;
    if (options.protocols == 0)
      throw po::error("--protocol is 2pc, 3pc, saga or tcc, not \"" + Escaped(protocol) + "\"");
  }
  if (!databases.empty()) {
    options.databases = 0;
    for (const Databases one : {kPostgresql, kSqliteFile})
      if (databases == NameOfDatabase(one)) options.databases = one;
    if (options.databases == 0)
      throw po::error("--databases is postgresql or sqlite, not \"" + Escaped(databases) + "\"");
  }
  for (const std::string& name : options.plays) {
    const bool known = std::any_of(Plays().begin(), Plays().end(),
                                   [&](const Play& play) { return play.name == name; });
    if (!known) throw po::error("no play is called \"" + Escaped(name) + "\"; --list names them");
  }
  if (options.jobs < 1 || options.jobs > 64) throw po::error("--jobs is 1 to 64");
  if (!options.only.empty() && (options.plays.size() != 1 || databases.empty()))
    throw po::error("--only needs one --play and --databases");
  static_cast<void>(std::regex(options.places));
}

void Print(const char* what, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::cout << what << ": " << line << "\n";
}

int Report(const CampaignOptions& options, const CampaignResult& result, bool as_json) {
  const std::vector<std::string> empty =
      IsWhole(options) ? EmptyCells(options, result) : std::vector<std::string>();
  const std::vector<std::string> against = CellsAgainstTheTable(result);
  if (as_json) {
    std::cout << JsonOf(options, result) << "\n";
  } else {
    if (options.only.empty()) std::cout << MatrixOf(result) << "\n";
    Print("not reached again", result.not_reached);
    Print("EMPTY", empty);
    Print("AGAINST THE TABLE", against);
    Print("NOT IN THE TABLE", result.unknown);
    Print("VIOLATION", result.violations);
    std::cout << "seed " << options.seed << ": " << result.fired << " of " << result.cells
              << " crash cells with a kill that fired, " << result.doubles << " double and "
              << result.triples << " triple crashes;";
    for (const auto& [fault, count] : result.faults) std::cout << " " << fault << " " << count;
    std::cout << "; " << result.violations.size() << " violations, " << empty.size()
              << " empty cells; took " << static_cast<int>(result.seconds) << " s\n";
  }
  if (!result.violations.empty()) return kViolation;
  return empty.empty() && against.empty() && result.unknown.empty() ? kSound : kEmpty;
}

// Where the programs of this build are, unless somebody says otherwise.
void FindPrograms() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  ::setenv("SETTLE_BIN", self.parent_path().c_str(), 0);
}

}  // namespace

int main(int argc, char** argv) {
  CampaignOptions options;
  std::string protocol;
  std::string databases;
  std::string faults;
  const po::options_description known = Known(options, protocol, databases, faults);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(argc, argv).options(known).positional({}).run(), values);
    po::notify(values);
    Interpret(protocol, databases, faults, options);
  } catch (const std::exception& e) {  // of the command line, or of a regular expression
    std::cerr << "crash-campaign: " << e.what() << "\nsee --help\n";
    return kUsage;
  }
  if (values.contains("help")) {
    std::cout << known << kExitCodes;
    return kSound;
  }
  if (values.contains("list")) {
    for (const Play& play : Plays()) std::cout << play.name << "\n";
    return kSound;
  }
  if (values.contains("places")) {
    std::cout << PlacesAsMarkdown();
    return kSound;
  }
  options.watch = values.contains("watch");
  options.verbose = values.contains("verbose");
  FindPrograms();
  try {
    return Report(options, RunCampaign(options), values.contains("json"));
  } catch (const std::invalid_argument& e) {
    std::cerr << "crash-campaign: " << e.what() << "\n";
    return kUsage;
  } catch (const std::exception& e) {
    std::cerr << "crash-campaign: " << e.what() << "\n";
    return kNoWorld;
  }
}
