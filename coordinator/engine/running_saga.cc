#include "engine/running_saga.h"

#include <algorithm>
#include <utility>

#include "engine/saga_starts.h"

namespace settle::coordinator {
namespace {

std::optional<ActionOp> OutstandingOf(const saga::Machine::Step& step) {
  if (step.waits == saga::Machine::Waits::kForNothing) return std::nullopt;
  if (step.state == saga::Machine::StepState::kRunning) return ActionOp::kAction;
  if (step.state == saga::Machine::StepState::kUndoing) return ActionOp::kCompensate;
  if (step.state == saga::Machine::StepState::kFencing) return ActionOp::kFence;
  return std::nullopt;
}

}  // namespace

Sagas::Saga::Saga(saga::Machine start) : machine(std::move(start)), times(machine.steps().size()) {
  for (std::size_t i = 0; i < times.size(); ++i) times[i].state = machine.steps()[i].state;
  const SagaBeginRecord& begin = machine.begin();
  if (!begin.request_key.empty()) fingerprint = FingerprintOf(begin.definition, begin.input);
}

void Sagas::Saga::Note(WallTime at, std::string what) {
  constexpr std::size_t kMost = 100;
  if (timeline.size() >= kMost) timeline.erase(timeline.begin() + kMost / 2);
  timeline.push_back({at, std::move(what)});
}

void Sagas::Saga::NoteSteps(WallTime at) {
  for (std::size_t i = 0; i < times.size(); ++i) {
    const saga::Machine::StepState now = machine.steps()[i].state;
    if (times[i].state == now) continue;
    times[i].state = now;
    times[i].changed = at;
  }
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
    const StepTimes& of_step = times[step.number - 1];
    row.attempts = step.attempts - of_step.unsent;
    // Said at once, and not when the call's time is over.
    row.last_error = step.last_error;
    if (OutstandingOf(step) && of_step.unserved)
      row.last_error = NobodyServes(definition.participant);
    if (OutstandingOf(step) && !of_step.held.empty()) row.last_error = of_step.held;
    summary.branches.push_back(std::move(row));
  }
  const saga::Definition& definition = machine.begin().definition;
  summary.saga = {
      definition.name, definition.version, machine.begin().request_key, fingerprint, {}};
  std::size_t kept = 0;
  for (const saga::Machine::Step& step : machine.steps()) {
    const saga::StepDefinition& of = machine.definition(step);
    StepSummary row{step.number, of.name, of.action, of.kind, {}, {}, 0, 0};
    for (const saga::Machine::Step& other : machine.steps()) {
      if (std::count(of.after.begin(), of.after.end(), machine.definition(other).name) > 0)
        row.after.push_back(other.number);
    }
    if (kept + step.result.size() <= kResultsKeptMax) {
      row.result = step.result;
      kept += step.result.size();
    }
    const StepTimes& at = times[step.number - 1];
    row.called = at.called;
    row.changed = at.changed;
    summary.saga->steps.push_back(std::move(row));
  }
  return summary;
}

void Sagas::Saga::AddOutstanding(
    Hurried& hurried, const std::function<bool(const saga::Machine::Step&)>& wanted) const {
  bool any = false;
  for (const saga::Machine::Step& step : machine.steps()) {
    const std::optional<ActionOp> op = OutstandingOf(step);
    if (!op || !wanted(step)) continue;
    any = true;
    Hurried::Branches& called = hurried.called[{machine.definition(step).participant, *op}];
    ++called.count;
    if (called.last_error.empty()) called.last_error = step.last_error;
  }
  hurried.transactions += any ? 1 : 0;
}

}  // namespace settle::coordinator
