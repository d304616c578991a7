// settle-bench: how fast Settle is, against what it replaces.
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <stdexcept>

#include "bench/daemon.h"
#include "bench/machine.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/suites.h"
#include "bench/targets.h"
#include "support/postgres_cluster.h"

namespace settle::bench {
namespace {

// The one thing that a signal handler can reach.
Stop stop = false;
static_assert(Stop::is_always_lock_free);

// The first signal lets everything be cleaned up; a second one ends the program at once.
void StopOnSignals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

// The suite `scale` opens as many connections as the system allows.
void UseAllDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void Say(const std::string& line) { std::fprintf(stderr, "settle-bench: %s\n", line.c_str()); }

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  if (std::fflush(stdout) != 0) throw std::runtime_error("standard output cannot be written");
}

// Rows or verdicts.
template <typename Line>
std::string TextOf(const std::vector<Line>& lines, bool json) {
  std::string text = json ? "" : "\n" + TableOf(lines);
  for (const Line& line : lines) {
    if (json) text += JsonLineOf(line);
  }
  return text;
}

// What the suites had to show; when all were measured, also of targets that no row was found for.
std::vector<Verdict> VerdictsOn(const std::vector<Row>& rows, const Options& options) {
  std::vector<Verdict> verdicts = Judge(rows);
  if (options.suites.size() < std::size(kSuites)) {
    std::erase_if(verdicts, [](const Verdict& verdict) { return !verdict.measured; });
  }
  return verdicts;
}

// Throws what the suites throw.
void RunSuites(const Options& options) {
  CheckDirectory(options.suite.directory);
  for (const Suite& suite : options.suites) {
    CheckRoom(options.suite.directory,
              suite.disk_bytes / 100 * static_cast<std::uint64_t>(options.suite.percent));
  }
  std::string postgres;
  if (std::ranges::any_of(options.suites, &Suite::needs_postgres)) {
    postgres = testing::FindPostgresBinaries(options.suite.postgres_binaries) + "/postgres";
  }
  const std::string machine = DescribeMachine(options.suite.directory, postgres);
  std::fputs(machine.c_str(), options.json ? stderr : stdout);
  std::fflush(stdout);
  std::vector<Row> all;
  for (const Suite& suite : options.suites) {
    std::vector<Row> rows = suite.measure(options.suite, Say, stop);
    Print(TextOf(rows, options.json));
    std::ranges::move(rows, std::back_inserter(all));
  }
  const std::vector<Verdict> verdicts = VerdictsOn(all, options);
  if (!verdicts.empty()) Print(TextOf(verdicts, options.json));
}

int Main(int argc, const char* const* argv) {
  Options options;
  try {
    options = ParseOptions(argc, argv);
  } catch (const std::invalid_argument& error) {
    Say(std::string(error.what()) + "; see settle-bench --help");
    return kExitUsage;
  }
  if (options.help) {
    std::fputs(HelpText().c_str(), stdout);
    return kExitDone;
  }
  StopOnSignals();
  UseAllDescriptors();
  try {
    RunSuites(options);
    return kExitDone;
  } catch (const Interrupted&) {
  } catch (const testing::PostgresNotInstalled& error) {
    Say(std::string(error.what()) + " (scripts/install-dependencies bench does)");
    return kExitMissing;
  } catch (const Missing& error) {
    Say(error.what());
    return kExitMissing;
  } catch (const std::exception& error) {
    // A terminal's Ctrl-C goes to the servers as well, whose end is then what is noticed first.
    if (!stop) {
      Say(std::string("failed: ") + error.what());
      return kExitFailed;
    }
  }
  Say("interrupted; servers and files are gone");
  return kExitInterrupted;
}

}  // namespace
}  // namespace settle::bench

int main(int argc, char** argv) { return settle::bench::Main(argc, argv); }
