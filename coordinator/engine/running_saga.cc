#include "engine/running_saga.h"

#include <utility>

namespace settle::coordinator {

void Sagas::Saga::Note(WallTime at, std::string what) {
  constexpr std::size_t kMost = 100;
  if (timeline.size() >= kMost) timeline.erase(timeline.begin() + kMost / 2);
  timeline.push_back({at, std::move(what)});
}

// A step is shown as a branch: its participant is the resource, its name and action the identity.
TransactionSummary Sagas::Saga::Summary() const {
  TransactionSummary summary;
  summary.gtid = machine.gtid();
  summary.state = ToString(machine.state());
  summary.ending = machine.ending();
  summary.origin = machine.begin().origin;
  summary.ended = ended;
  summary.timeline = timeline;
  for (const saga::Machine::Step& step : machine.steps()) {
    const saga::StepDefinition& definition = machine.definition(step);
    BranchSummary row;
    row.number = step.number;
    row.resource = definition.participant;
    row.identity = "step " + definition.name + ", action " + definition.action;
    row.state = ToString(step.state);
    row.attempts = step.attempts;
    row.last_error = step.last_error;
    summary.branches.push_back(std::move(row));
  }
  return summary;
}

}  // namespace settle::coordinator
