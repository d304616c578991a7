// What operators see of sagas; and those whose records contradict themselves.
#include <algorithm>
#include <set>
#include <utility>

#include "engine/durable_append.h"
#include "engine/quarantine.h"
#include "engine/running_saga.h"
#include "engine/saga_starts.h"
#include "engine/sagas.h"

namespace settle::coordinator {
namespace {

using Step = saga::Machine::Step;

bool IsDamaged(const saga::Machine& machine) {
  return machine.state() == saga::Machine::State::kDamaged ||
         machine.state() == saga::Machine::State::kForgetting;
}

bool IsInDoubt(const saga::Machine& machine) {
  const auto& steps = machine.steps();
  return IsDamaged(machine) || std::any_of(steps.begin(), steps.end(), [](const Step& step) {
           return step.alarmed && step.waits != saga::Machine::Waits::kForNothing;
         });
}

// Whom an outstanding step waits for.
std::set<std::string> WaitsFor(const saga::Machine& machine) {
  std::set<std::string> participants;
  for (const Step& step : machine.steps()) {
    if (step.waits != saga::Machine::Waits::kForNothing)
      participants.insert(machine.definition(step).participant);
  }
  return participants;
}

}  // namespace

const TransactionSummary* Sagas::FindNotRunning(const Gtid& gtid) const {
  if (const auto ended = ended_.find(gtid); ended != ended_.end()) return &ended->second->summary;
  const auto quarantined = quarantined_.find(gtid);
  return quarantined == quarantined_.end() ? nullptr : &quarantined->second;
}

bool Sagas::Has(const Gtid& gtid) const {
  return running_.contains(gtid) || FindNotRunning(gtid) != nullptr;
}

std::optional<TransactionSummary> Sagas::Show(const Gtid& gtid) const {
  if (const auto found = running_.find(gtid); found != running_.end())
    return found->second->Summary();
  if (const auto* summary = FindNotRunning(gtid)) return *summary;
  return std::nullopt;
}

std::map<std::string, std::string> Sagas::ResultsOf(const Gtid& gtid, const Ending& ending) const {
  std::map<std::string, std::string> results;
  if (ending.outcome != Outcome::kCommitted) return results;
  const auto summary = Show(gtid);
  if (!summary || !summary->saga) return results;
  for (const StepSummary& step : summary->saga->steps) {
    if (!step.result.empty()) results.emplace(step.name, step.result);
  }
  return results;
}

void Sagas::ForEach(const std::function<void(const Open&)>& visit) const {
  for (const auto& [gtid, saga] : running_) visit({gtid, IsInDoubt(saga->machine), false});
  for (const auto& [gtid, summary] : quarantined_) visit({gtid, true, false});
  for (const auto& [gtid, ended] : ended_) visit({gtid, false, true});
}

void Sagas::Count(OpenCounts& counts) const {
  counts.sagas += running_.size() + quarantined_.size();
  counts.quarantined += quarantined_.size();
  for (const auto& [gtid, summary] : quarantined_) {
    ++counts.by_state[summary.state];
    counts.NoteInDoubt(summary.origin.began);
  }
  for (const auto& [gtid, saga] : running_) {
    ++counts.by_state[ToString(saga->machine.state())];
    if (IsInDoubt(saga->machine)) counts.NoteInDoubt(saga->machine.begin().origin.began);
    counts.damaged += IsDamaged(saga->machine) ? 1 : 0;
    for (const std::string& participant : WaitsFor(saga->machine)) ++counts.waiting[participant];
  }
}

void Sagas::HurryAll(const std::string& participant, Hurried& hurried) {
  for (const auto& [gtid, saga] : running_) {
    const std::set<std::string> waits_for = WaitsFor(saga->machine);
    if (participant.empty() ? waits_for.empty() : !waits_for.contains(participant)) continue;
    saga->AddOutstanding(hurried, [&, &machine = saga->machine](const Step& step) {
      return participant.empty() || machine.definition(step).participant == participant;
    });
    for (const std::string& one : waits_for) {
      if (participant.empty() || one == participant)
        Handle(*saga, saga::event::ParticipantReady{one});
    }
  }
}

// Nothing is presumed of it and nothing is told to anybody: its steps stay as they are.
void Sagas::Quarantine(const RestoredSaga& restored) {
  TransactionSummary summary;
  summary.gtid = restored.begin.gtid;
  summary.state = "quarantined";
  summary.origin = restored.begin.origin;
  const saga::Definition& definition = restored.begin.definition;
  summary.saga = {definition.name,
                  definition.version,
                  restored.begin.request_key,
                  FingerprintOf(definition, restored.begin.input),
                  {}};
  const std::string why = WhyQuarantined(restored);
  summary.ending = {Outcome::kUnknown, AbortCause::kNone, why, false};
  summary.timeline.push_back({out_.clock.WallNow(), "quarantined: " + why});
  out_.observer.Event(Observer::Level::kError, {summary.gtid, summary.origin.trace_parent},
                      "quarantined, and left alone with all its steps: " + why);
  quarantined_.emplace(restored.begin.gtid, std::move(summary));
}

void Sagas::ForgetQuarantined(const ForgetCall& call, const Completion<std::monostate>& done) {
  TransactionSummary& shown = quarantined_.at(call.gtid);
  if (shown.state == "forgetting") {
    return done(Fail(ErrorCode::kRetry, "it is being forgotten at this moment"));
  }
  TransactionSummary ended = ForgottenQuarantined(shown, call, out_.clock.WallNow());
  shown.state = "forgetting";
  DurableAppend(out_.log, out_.observer, EndRecord{std::move(ended)}, Durability::kForce,
                [this, gtid = call.gtid, done](AppendResult result, const std::string& reason) {
                  out_.mailbox.PostAlways([this, gtid, result, reason, done] {
                    if (result == AppendResult::kDurable) {
                      const auto gone = quarantined_.extract(gtid);
                      const TransactionSummary& summary = gone.mapped();
                      out_.gone({gtid, summary.origin.identity, summary.origin.owner,
                                 summary.saga->request_key});
                      return done(std::monostate{});
                    }
                    quarantined_.at(gtid).state = "quarantined";
                    done(Fail(ErrorCode::kRetry, StaysQuarantined(reason)));
                  });
                });
}

}  // namespace settle::coordinator
