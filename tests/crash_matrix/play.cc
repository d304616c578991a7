#include "crash_matrix/play.h"

#include <regex>

#include "crash_matrix/saga_stage.h"
#include "crash_matrix/tcc_stage.h"
#include "crash_matrix/three_phase_stage.h"
#include "crash_matrix/two_phase_stage.h"

namespace settle::crash_matrix {

Played Play(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
            const Staging& staging) {
  if (scenario.saga) return SagaStage(scenario, databases, crashes, staging).Run();
  if (!scenario.transactions[0].reservations.empty())
    return TccStage(scenario, databases, crashes, staging).Run();
  if (scenario.transactions[0].protocol == settle::Protocol::kThreePhase)
    return ThreePhaseStage(scenario, databases, crashes, staging).Run();
  return TwoPhaseStage(scenario, databases, crashes, staging).Run();
}

std::string ToString(const Crash& crash) {
  std::string text = crash.actor + ":" + std::to_string(crash.after) + ":" +
                     (crash.restart == Restart::kSoon ? "soon" : "late");
  if (crash.survived != 0) text += ":" + std::to_string(crash.survived);
  return text;
}

std::optional<Crash> ParseCrash(const std::string& text) {
  static const std::regex grammar("([a-z0-9-]+):([1-9][0-9]{0,5}):(soon|late)(?::([0-9]{1,3}))?");
  std::smatch parts;
  if (!std::regex_match(text, parts, grammar)) return std::nullopt;
  return Crash{parts[1], std::stoul(parts[2]), parts[3] == "soon" ? Restart::kSoon : Restart::kLate,
               parts[4].matched ? std::stoul(parts[4]) : 0};
}

}  // namespace settle::crash_matrix
