#include "bench/options.h"

#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace settle::bench {
namespace {

namespace po = boost::program_options;

constexpr int kClientsMost = 512;
constexpr int kRoundsMost = 1'000;
constexpr double kSecondsLeast = 0.05;
constexpr double kSecondsMost = 3'600;

po::options_description Known() {
  po::options_description known("Options", 100, 50);
  auto add = known.add_options();
  add("seconds", po::value<double>()->default_value(1.5)->value_name("SECONDS"),
      "of each measured run, after a tenth of it to warm up (0.05 to 3600)");
  add("rounds", po::value<int>()->default_value(5)->value_name("N"),
      "everything is measured so many times, in turn; figures are medians (1 to 1000)");
  add("clients", po::value<std::string>()->default_value("1,8,32")->value_name("LIST"),
      "threads that do one operation after another, each with its own connection (1 to 512 each)");
  add("percent", po::value<int>()->default_value(100)->value_name("N"),
      "of the sizes of the suite scale, for a quick look (1 to 100)");
  add("json", po::bool_switch(), "one JSON object for each row, a line each, instead of the table");
  add("directory", po::value<std::string>()->value_name("PATH"),
      "where the log and the clusters are made and removed again; must be on a disk, at most 64 "
      "bytes long, and reachable for the user postgres (default $TMPDIR, or /var/tmp)");
  add("postgres", po::value<std::string>()->default_value("")->value_name("PATH"),
      "where initdb and postgres are (default: what pg_config says, or the newest installed)");
  add("help", po::bool_switch(), "print this and end");
  return known;
}

std::vector<int> ParseClients(const std::string& text) {
  std::vector<int> clients;
  std::stringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    int count = 0;
    const auto [rest, error] = std::from_chars(item.data(), item.data() + item.size(), count);
    const bool number = error == std::errc{} && rest == item.data() + item.size();
    if (!number || count < 1 || count > kClientsMost) {
      throw std::invalid_argument(
          fmt::format("--clients: \"{}\" is no number of 1 to {}", item, kClientsMost));
    }
    clients.push_back(count);
  }
  if (clients.empty() || text.back() == ',') {
    throw std::invalid_argument("--clients: a number is missing");
  }
  return clients;
}

std::string DefaultDirectory() {
  const char* wanted = std::getenv("TMPDIR");
  return wanted != nullptr && *wanted == '/' ? wanted : "/var/tmp";
}

template <typename T>
T InRange(const char* name, T value, T least, T most) {
  if (value >= least && value <= most) return value;
  throw std::invalid_argument(fmt::format("--{}: {} is not {} to {}", name, value, least, most));
}

Options Read(const po::variables_map& given) {
  Options options;
  options.help = given["help"].as<bool>();
  if (options.help) return options;
  const std::string suite = given.count("suite") != 0 ? given["suite"].as<std::string>() : "";
  for (const Suite& known : kSuites) {
    if (suite == known.name || suite == "all") options.suites.push_back(known);
  }
  if (options.suites.empty()) {
    throw std::invalid_argument(suite.empty() ? "which suite?"
                                              : "there is no suite \"" + suite + "\"");
  }
  options.json = given["json"].as<bool>();
  options.suite.window = std::chrono::duration<double>(
      InRange("seconds", given["seconds"].as<double>(), kSecondsLeast, kSecondsMost));
  options.suite.rounds = InRange("rounds", given["rounds"].as<int>(), 1, kRoundsMost);
  options.suite.percent = InRange("percent", given["percent"].as<int>(), 1, 100);
  options.suite.clients = ParseClients(given["clients"].as<std::string>());
  options.suite.directory =
      given.count("directory") != 0 ? given["directory"].as<std::string>() : DefaultDirectory();
  options.suite.postgres_binaries = given["postgres"].as<std::string>();
  return options;
}

}  // namespace

Options ParseOptions(int argc, const char* const* argv) {
  po::options_description all = Known();
  all.add_options()("suite", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("suite", 1);
  using Style = po::command_line_style::style_t;
  po::variables_map given;
  try {
    po::command_line_parser parser(argc, argv);
    parser.options(all).positional(positional);
    parser.style(Style::allow_long | Style::long_allow_next | Style::long_allow_adjacent);
    po::store(parser.run(), given);
  } catch (const po::error& error) {
    throw std::invalid_argument(error.what());
  }
  return Read(given);
}

std::string HelpText() {
  std::ostringstream text;
  text << "settle-bench SUITE [options]\n"
          "Measures Settle against what it replaces, side by side, on servers of its own.\n\n"
          "Suites\n"
          "  coordinator  durable transactions whose branches do nothing, against empty calls on\n"
          "               the same connections; many in flight, against SQLite alone; over TLS\n"
          "  sdk          such transactions through the SDK, by threads of one program, against\n"
          "               plain clients with a connection for each\n"
          "  postgres     a bank transfer between two PostgreSQL clusters: two-phase commit\n"
          "               written by hand, without a log and with one, against Settle, also with\n"
          "               the banks in other processes\n"
          "  sqlite       a transfer between two SQLite files, by one client: two local\n"
          "               transactions, against Settle\n"
          "  three-phase  transfers with two and three PostgreSQL databases, under two-phase and "
          "under\n"
          "               three-phase commit: how fast, and for each transaction and participant\n"
          "               what is forced to disk and what is sent\n"
          "  barrier      a small transaction on PostgreSQL and on SQLite: by hand, against the\n"
          "               same behind a barrier\n"
          "  saga         sagas of three steps: with steps that do nothing, with a booking in\n"
          "               each of three PostgreSQL databases, and compensated; against three\n"
          "               local transactions by hand; and what the decision log writes for each\n"
          "  log          records in batches: in the decision log, in a bare SQLite table, and in\n"
          "               a file that is flushed\n"
          "  scale        with up to 512 clients, 1,000,000 open and 10,000,000 finished\n"
          "               transactions, 10,000 idle connections, 16 branches, 64 participants,\n"
          "               one of them dead, and 100,000 transactions in doubt at a start; how\n"
          "               fast, and how much memory. Needs 12 GB of disk\n"
          "  all          all of them, in about 35 minutes\n\n"
       << Known()
       << "\n"
          "Rows and what they mean: bench/README.md. Ratios are what counts; figures are of this\n"
          "machine. What has a target is held against it behind the last row. Rows go to standard\n"
          "output, progress to standard error. For a quick look:\n"
          "  settle-bench all --seconds 0.5 --rounds 3 --percent 2\n\n"
          "Exit codes\n"
          "    0  measured, and all that was acknowledged was found to be so\n"
          "    1  something failed, or what was acknowledged is not so: no rows are printed\n"
          "    2  the command line is wrong\n"
          "    3  something is missing: PostgreSQL's server, settled, a directory on a disk\n"
          "  130  interrupted; servers and files are gone\n";
  return text.str();
}

}  // namespace settle::bench
