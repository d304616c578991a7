#include "crash_matrix/matrix.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ostream>
#include <set>

#include "simulation/mutants.h"

namespace settle::crash_matrix {
namespace {

// Second crashes of another actor than the coordinator, and third crashes: every so manieth.
constexpr std::size_t kStride = 61;
// Second crashes of the coordinator, where those are sampled.
constexpr std::size_t kStrideOfRecoveries = 7;
constexpr std::size_t kMost = 3;     // crashes in a play
constexpr std::size_t kPrinted = 3;  // violations with their transcript
constexpr std::size_t kEnough = 20;  // violations after which a cell is not played on

std::string ReplayWith(const Scenario& scenario, Databases databases,
                       const std::vector<Crash>& crashes, const Staging& staging) {
  std::string text = "replay it with: settle-crash-matrix --scenario " + scenario.name +
                     " --databases " + ToString(databases);
  if (staging.timing) text += " --timing " + std::to_string(*staging.timing);
  if (const simulation::Mutant* planted = simulation::FindMutant(planted_bug))
    text += " --mutant " + std::string(planted->name);
  for (const Crash& crash : crashes) text += " --crash " + ToString(crash);
  if (crashes.empty()) text += " --crash none";
  return text;
}

// For a signal handler, which can be given nothing.
std::string playing;

void NamePlay(int) {
  playing += '\n';
  [[maybe_unused]] const ssize_t said = ::write(STDERR_FILENO, playing.data(), playing.size());
}

class Cell {
 public:
  Cell(const Scenario& scenario, Databases databases, const Staging& staging, std::ostream& out)
      : scenario_(scenario), databases_(databases), staging_(staging), out_(out) {}

  Tally Run();

 private:
  std::vector<std::string> Mortals(const Played& undisturbed) const;
  Played Try(const std::vector<Crash>& crashes);
  void CrashOf(Crash crash);
  void CrashAgain(const std::vector<Crash>& before, const Played& played);
  void Complain(const std::vector<Crash>& crashes, const std::vector<std::string>& violations);

  const Scenario& scenario_;
  const Databases databases_;
  const Staging& staging_;
  std::ostream& out_;
  std::vector<std::string> mortals_;
  std::size_t sampled_ = 0;
  std::size_t recoveries_ = 0;
  Tally tally_;
};

// A SQLite database has no server that could die: it dies with the process that uses it.
std::vector<std::string> Cell::Mortals(const Played& undisturbed) const {
  std::set<std::string> actors{kEverybody};
  for (const Step& step : undisturbed.steps) actors.insert(step.actor);
  for (const auto& [name, kind] : DatabasesOf(scenario_, databases_)) {
    if (kind == simulation::DatabaseKind::kSqliteLike) actors.erase(name);
  }
  return {actors.begin(), actors.end()};
}

Tally Cell::Run() {
  ++tally_.cells;
  const Played undisturbed = Try({});
  mortals_ = Mortals(undisturbed);
  for (const std::string& actor : mortals_) {
    for (const Crash& crash : PointsOf(undisturbed, actor)) CrashOf(crash);
  }
  return tally_;
}

// Everything from here on has a crash after each step; the coordinator also during its recovery
// from that, after each step unless that is to be sampled. What may happen beyond that is sampled.
void Cell::CrashOf(Crash crash) {
  if (tally_.violations >= kEnough) return;
  CrashAgain({crash}, Try({crash}));
  crash.restart = Restart::kLate;
  Try({crash});
}

void Cell::CrashAgain(const std::vector<Crash>& before, const Played& played) {
  if (played.crashes.size() != before.size() || before.size() == kMost) return;
  if (tally_.violations >= kEnough) return;
  for (const std::string& actor : mortals_) {
    const bool recovers =
        before.size() == 1 && before[0].actor == kCoordinator && actor == kCoordinator;
    const std::size_t stride = !recovers                           ? kStride
                               : staging_.again == Again::kSampled ? kStrideOfRecoveries
                                                                   : 1;
    std::size_t& passed = recovers ? recoveries_ : sampled_;
    for (const Crash& next : PointsOf(played, actor, played.crashes.back())) {
      if (++passed % stride != 0) continue;
      if (tally_.violations >= kEnough) return;
      std::vector<Crash> crashes = before;
      crashes.push_back(next);
      CrashAgain(crashes, Try(crashes));
    }
  }
}

Played Cell::Try(const std::vector<Crash>& crashes) {
  playing = ReplayWith(scenario_, databases_, crashes, staging_);
  Played played = Play(scenario_, databases_, crashes, staging_);
  ++tally_.plays;
  tally_.points += !crashes.empty() && crashes.back().restart == Restart::kSoon ? 1 : 0;
  tally_.crashes += played.crashes.size();
  tally_.longest = std::max(tally_.longest, played.recovery);
  if (!played.violations.empty() && ++tally_.violations <= kPrinted)
    Complain(crashes, played.violations);
  return played;
}

void Cell::Complain(const std::vector<Crash>& crashes, const std::vector<std::string>& violations) {
  Staging staging = staging_;
  staging.transcript = true;
  const Played again = Play(scenario_, databases_, crashes, staging);
  for (const std::string& line : again.transcript) out_ << line << '\n';
  out_ << "\nscenario " << scenario_.name << ": " << scenario_.story << "\ndatabases "
       << ToString(databases_) << '\n';
  for (std::size_t i = 0; i < again.crashes.size(); ++i) {
    if (again.crashes[i] > again.steps.size()) continue;
    const Step& last = again.steps[again.crashes[i] - 1];
    out_ << "crash " << ToString(crashes[i]) << ", after " << last.actor << ' ' << last.what
         << '\n';
  }
  for (const std::string& violation : violations) out_ << "violates: " << violation << '\n';
  out_ << ReplayWith(scenario_, databases_, crashes, staging_) << "\n\n";
}

}  // namespace

void NameThePlayOnAbort() { std::signal(SIGABRT, NamePlay); }

Tally& Tally::operator+=(const Tally& other) {
  cells += other.cells;
  points += other.points;
  plays += other.plays;
  crashes += other.crashes;
  violations += other.violations;
  longest = std::max(longest, other.longest);
  return *this;
}

std::vector<Crash> PointsOf(const Played& played, const std::string& actor, std::size_t since) {
  const bool log_dies = actor == kCoordinator || actor == kEverybody;
  std::vector<Crash> points;
  std::size_t after = 0;
  for (std::size_t i = since; i < played.steps.size(); ++i) {
    const Step& step = played.steps[i];
    if (actor != kEverybody && actor != step.actor) continue;
    ++after;
    for (std::size_t survived = 0; survived <= (log_dies ? step.unsynced : 0); ++survived)
      points.push_back({actor, after, Restart::kSoon, survived});
  }
  return points;
}

Tally RunCell(const Scenario& scenario, Databases databases, const Staging& staging,
              std::ostream& out) {
  return Cell(scenario, databases, staging, out).Run();
}

Tally RunEntry(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
               Staging staging, std::ostream& out) {
  staging.transcript = true;
  const Played played = Play(scenario, databases, crashes, staging);
  for (const std::string& line : played.transcript) out << line << '\n';
  for (const std::string& violation : played.violations) out << "violates: " << violation << '\n';
  return {1,
          crashes.size(),
          1,
          played.crashes.size(),
          played.violations.empty() ? std::size_t{0} : std::size_t{1},
          played.recovery};
}

}  // namespace settle::crash_matrix
