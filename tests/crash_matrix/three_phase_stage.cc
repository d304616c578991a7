#include "crash_matrix/three_phase_stage.h"

#include <algorithm>
#include <utility>

namespace settle::crash_matrix {

using simulation::SimulatedDatabase;
using simulation::SimulatedLedger;
using simulation::SiteProcess;

namespace {

// A coordinator that comes back soon is waited for; one that comes back late is not, also by a site
// that cannot tell that it is away.
sdk::recovery::Settings StageRecovery() {
  sdk::recovery::Settings settings;
  settings.patience = milliseconds(60);
  settings.attached_factor = 4;
  settings.pause_first = milliseconds(10);
  settings.pause_most = milliseconds(80);
  return settings;
}

}  // namespace

ThreePhaseStage::ThreePhaseStage(const Scenario& scenario, crash_matrix::Databases databases,
                                 const std::vector<Crash>& crashes, const Staging& staging)
    : TwoPhaseStage(scenario, databases, crashes, staging) {
  for (SimulatedDatabase& database : databases_) {
    ledgers_.emplace_back(world_, database).when_written =
        [this](const BranchKey& key, const SiteRecord& record) { Wrote(key, record); };
  }
}

std::unique_ptr<simulation::Process> ThreePhaseStage::MakeProcess(
    const std::string& name, std::vector<SimulatedDatabase*> served) {
  std::vector<SimulatedLedger*> ledgers;
  for (SimulatedLedger& ledger : ledgers_) {
    if (std::find(served.begin(), served.end(), &ledger.database()) != served.end())
      ledgers.push_back(&ledger);
  }
  auto process = std::make_unique<SiteProcess>(world_, coordinator_, name, ledgers, peers_,
                                               StageRecovery(), notes_);
  peers_[name] = process.get();
  return process;
}

void ThreePhaseStage::HappenOwn(const Trouble& trouble) {
  if (const auto* suspects = std::get_if<ProcessSuspects>(&trouble))
    return world_.After(suspects->later,
                        [this, process = suspects->process] { Suspect(process, 100); });
  TwoPhaseStage::HappenOwn(trouble);
}

void ThreePhaseStage::Suspect(const std::string& process, int tries) {
  world_.After(microseconds(100), [this, process, tries] {
    SiteProcess& suspicious = *peers_.at(process);
    const bool suspects = suspicious.up() && suspicious.Suspect();
    if (!suspects && tries > 1) Suspect(process, tries - 1);
  });
}

// At the moment that it is written, whatever a crash takes away of it.
void ThreePhaseStage::Wrote(const BranchKey& key, const SiteRecord& record) {
  // What a person forced before a majority met may stand against what the sites decide.
  if (!IsFinal(record.at.state) || disk_.by_person.contains(key.gtid)) return;
  if (simulation::IsAbortOfAHand(key.gtid, record.at, scene_)) return;
  const SiteState first = ends_.try_emplace(key.gtid, record.at.state).first->second;
  if (first == record.at.state) return;
  Violation("agreement: " + key.DatabaseName() + " is " + ToString(record.at.state) +
            ", and a site of it was " + ToString(first));
}

void ThreePhaseStage::Judge() {
  simulation::CheckRecords(scene_);
  for (SimulatedLedger& ledger : ledgers_) {
    for (const auto& [key, record] : ledger.Shown()) {
      // Without a vote nobody waits for it. What says that it is final is durable with the end of
      // the branch: unless somebody else has ended that.
      if (record.at.state == SiteState::kInitial || IsFinal(record.at.state)) continue;
      if (ledger.database().Meddled(key.gtid)) continue;
      Violation("progress: " + key.DatabaseName() + " is still " + ToString(record.at.state));
    }
  }
  TwoPhaseStage::Judge();
}

}  // namespace settle::crash_matrix
