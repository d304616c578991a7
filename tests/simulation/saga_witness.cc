#include "simulation/saga_witness.h"

#include <algorithm>

#include "saga_definition/references.h"

namespace settle::simulation {

using coordinator::saga::Definition;
using coordinator::saga::StepKind;

namespace {

// A session that nobody fetches for is lost after this, and what it was to carry is called anew.
constexpr std::chrono::milliseconds kSessionsLinger{500};

}  // namespace

bool ComesBefore(const Definition& definition, BranchNumber step, BranchNumber later) {
  const std::vector<std::string>& after = definition.steps[later - 1].after;
  for (BranchNumber other = 1; other <= definition.steps.size(); ++other) {
    const std::string& name = definition.steps[other - 1].name;
    if (std::find(after.begin(), after.end(), name) == after.end()) continue;
    if (other == step || ComesBefore(definition, step, other)) return true;
  }
  return false;
}

void SagaWitness::Violates(const std::string& invariant, const SagaCall& call,
                           const std::string& what) {
  world_.Violates(invariant + ": " + call.key.gtid.text() + ": step " +
                  std::to_string(call.key.number) + " " + settle::ToString(call.op) + ": " + what);
}

const SagaFacts& SagaWitness::FactsOf(const Gtid& gtid) const {
  static const SagaFacts kNothing;
  const auto found = coordinator_.disk().sagas.find(gtid);
  return found == coordinator_.disk().sagas.end() ? kNothing : found->second;
}

// Or perhaps so: the record may be on its way to the disk.
bool SagaWitness::IsSkipped(const SagaNote& note, BranchNumber step) const {
  return note.steps[step - 1].skipped != 0;
}

void SagaWitness::Hears(const Begun& begun) {
  if (!FactsOf(begun.gtid).begun) {
    world_.Violates("durability: " + begun.gtid.text() +
                    " is said to have begun, and no durable record says so");
  }
}

void SagaWitness::Hears(const SessionId& session, const CommandBatch& batch) {
  if (batch.number == 0 || !batches_.emplace(session, batch.number).second) return;
  for (const SagaCall& call : batch.calls) Leaves(call);
}

void SagaWitness::Leaves(const SagaCall& call) {
  const SagaFacts& facts = FactsOf(call.key.gtid);
  if (!facts.begun) Violates("durability", call, "it is called before the begin is durable");
  if (call.op == ActionOp::kCompensate && !facts.aborting)
    Violates("durability", call, "it is called before the aborting record is durable");
  SagaNote& note = notes_.at(call.key.gtid);
  const std::size_t count = ++note.steps[call.key.number - 1].calls[call.op];
  // Before this no call of this kind was sent. Each nudge may call once more, at once, and when the
  // session that it came from is lost; a restart forgets how long the pause was.
  const Instant since = call.op == ActionOp::kCompensate ? note.turned_back : note.asked;
  const auto first = std::lower_bound(nudges_.begin(), nudges_.end(), since - kSessionsLinger);
  const auto nudges = static_cast<std::size_t>(nudges_.end() - first);
  const auto passed = std::chrono::duration_cast<microseconds>(world_.now() - since);
  const auto pause = note.definition(call.key.number).retry.first_ms * 900;
  const std::size_t most = 2 + 2 * nudges + static_cast<std::size_t>(passed.count() / pause);
  if (count == most + 1) {
    Violates("back-off", call,
             "it is called " + std::to_string(count) + " times in " +
                 std::to_string(passed.count() / 1000) + " ms");
  }
}

void SagaWitness::Hears(const Gtid& gtid, const Ending& ending) {
  switch (ending.outcome) {
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return;
    case Outcome::kCommitted:
    case Outcome::kAborted:
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit: break;
  }
  if (FactsOf(gtid).ended == ending.outcome) return;
  world_.Violates("durability: " + gtid.text() + " is said to be " +
                  settle::ToString(ending.outcome) + ", and no durable record says so");
}

Completion<Ending> SagaWitness::Heard(const Gtid& gtid, Completion<Ending> done) {
  return [this, gtid, done = std::move(done)](Result<Ending> ending) {
    if (ending) Hears(gtid, *ending);
    done(std::move(ending));
  };
}

void SagaWitness::Appends(const Record& record) {
  if (const auto* begin = std::get_if<coordinator::SagaBeginRecord>(&record)) {
    if (!coordinator_.GivesOut(begin->gtid))
      world_.Violates("one decision per gtid: " + begin->gtid.text() + " was given out twice");
    SagaNote& note = notes_[begin->gtid];
    note.begin = *begin;
    note.asked = world_.now();
    note.steps.resize(begin->definition.steps.size());
  }
  const Ending* ending = nullptr;
  if (const auto* aborting = std::get_if<coordinator::SagaAbortingRecord>(&record)) {
    ending = &aborting->ending;
    notes_.at(aborting->gtid).turned_back = world_.now();
  }
  if (const auto* end = std::get_if<coordinator::SagaEndRecord>(&record)) ending = &end->ending;
  if (ending == nullptr) return;
  const SagaNote& note = notes_.at(GtidOf(record));
  if (ending->reason.find("no result after") != std::string::npos)
    world_.Count(Fault::kAttemptsUsedUp);
  if (ending->cause != AbortCause::kDeadline) return;
  world_.Count(Fault::kDeadlineReached);
  // Over a restart only the wall clock knows, which may jump.
  const std::chrono::milliseconds deadline(note.begin.definition.deadline_ms);
  const bool same_life = note.begin.gtid.epoch() == coordinator_.epoch();
  if (same_life && world_.now() - note.asked < deadline)
    world_.Violates("time: " + note.begin.gtid.text() + " turns back before its deadline");
}

void SagaWitness::TookEffect(const SagaCall& call, const Answer& answer) {
  const auto found = notes_.find(call.key.gtid);
  if (found == notes_.end()) return Violates("durability", call, "nobody began this saga");
  SagaNote& note = found->second;
  if (!FactsOf(call.key.gtid).begun)
    Violates("durability", call, "it takes effect before the begin is durable");
  if (call.op == ActionOp::kCompensate) {
    Undid(note, call);
  } else {
    Did(note, call, answer);
  }
  bool pivot_done = false;
  bool undone = false;
  for (BranchNumber step = 1; step <= note.steps.size(); ++step) {
    const bool is_pivot = note.definition(step).kind == StepKind::kPivot;
    pivot_done = pivot_done || (is_pivot && note.steps[step - 1].done != 0);
    undone = undone || note.steps[step - 1].undone != 0;
  }
  if (pivot_done && undone)
    Violates("pivot", call, "something is undone although the pivot is done");
}

void SagaWitness::Did(SagaNote& note, const SagaCall& call, const Answer& answer) {
  const BranchNumber step = call.key.number;
  StepNote& own = note.steps[step - 1];
  CheckInput(note, call);
  own.input = call.input;
  own.result = answer.text;
  if (++own.done > 1) Violates("once in effect", call, "it is done twice");
  // Late, it does no harm; and where the compensation was skipped nothing keeps it from running.
  if (note.definition(step).kind == StepKind::kNoUndo || IsSkipped(note, step)) return;
  if (note.told == Outcome::kAborted)
    Violates("durability", call, "it is done after its saga was told to be aborted");
  for (BranchNumber other = 1; other <= note.steps.size(); ++other) {
    const StepNote& before = note.steps[other - 1];
    const bool stands = before.done > before.undone || IsSkipped(note, other);
    if (ComesBefore(note.begin.definition, other, step) && !stands)
      Violates("order", call, "step " + std::to_string(other) + ", which it rests on, is not done");
  }
}

void SagaWitness::Undid(SagaNote& note, const SagaCall& call) {
  const BranchNumber step = call.key.number;
  StepNote& own = note.steps[step - 1];
  if (++own.undone > 1) Violates("once in effect", call, "it is undone twice");
  if (note.definition(step).kind != StepKind::kCompensatable)
    Violates("pivot", call, "it is no step that can be undone");
  if (!FactsOf(call.key.gtid).aborting)
    Violates("durability", call, "it is undone before the aborting record is durable");
  if (note.told == Outcome::kCommitted)
    Violates("durability", call, "it is undone after its saga was told to be committed");
  if (own.input_set == 0 && call.input != own.input)
    Violates("results", call, "it is undone with the input " + call.input);
  if (call.result != own.result)
    Violates("results", call, "it is undone with the result " + call.result);
  for (BranchNumber other = 1; other <= note.steps.size(); ++other) {
    const StepNote& after = note.steps[other - 1];
    const bool free = note.definition(other).kind == StepKind::kNoUndo || IsSkipped(note, other);
    const bool stands = after.done > after.undone && !free;
    if (ComesBefore(note.begin.definition, step, other) && stands)
      Violates("order", call, "step " + std::to_string(other) + ", which rests on it, stands");
  }
}

// With the results that its predecessors had, whoever called when.
void SagaWitness::CheckInput(const SagaNote& note, const SagaCall& call) {
  if (note.steps[call.key.number - 1].input_set != 0) return;
  bool some_skipped = false;
  const auto result_of = [&](const std::string& name) -> const std::string* {
    for (BranchNumber step = 1; step <= note.steps.size(); ++step) {
      if (note.definition(step).name != name) continue;
      some_skipped = some_skipped || IsSkipped(note, step);
      return &note.steps[step - 1].result;
    }
    return nullptr;
  };
  const auto expected = coordinator::saga::ResolveInput(note.definition(call.key.number).input,
                                                        note.begin.input, result_of);
  if (some_skipped || (expected && *expected == call.input)) return;
  Violates("results", call,
           "it is done with the input " + call.input + " instead of " +
               (expected ? *expected : expected.error().message));
}

void SagaWitness::Told(const Gtid& gtid, const Ending& ending) {
  if (ending.outcome == Outcome::kUndecided) return;
  SagaNote& note = notes_.at(gtid);
  if (note.told && note.told != ending.outcome) {
    world_.Violates("durability: " + gtid.text() + " is told to be " +
                    settle::ToString(*note.told) + " and " + settle::ToString(ending.outcome));
  }
  if (note.cancel_refused && ending.aborted())
    world_.Violates("durability: " + gtid.text() + " is aborted, and a cancel was told: too late");
  note.told = ending.outcome;
}

void SagaWitness::CancelRefused(const Gtid& gtid) {
  SagaNote& note = notes_.at(gtid);
  note.cancel_refused = true;
  if (note.told == Outcome::kAborted)
    world_.Violates("durability: " + gtid.text() + " is aborted, and a cancel was told: too late");
}

void SagaWitness::Acted(const coordinator::SagaActCall& call) {
  Nudged();
  const bool skip = call.act == coordinator::SagaAct::kSkip;
  const SagaFacts& facts = FactsOf(call.gtid);
  if (skip ? facts.skipped.contains(call.step) : facts.acts != 0) return;
  world_.Violates("heuristics: " + call.gtid.text() + ": step " + std::to_string(call.step) +
                  " is said to be helped by hand, and no durable record says so");
}

}  // namespace settle::simulation
