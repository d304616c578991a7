#include "protocol/saga_world.h"

#include <algorithm>

#include "protocol/saga_describe.h"

namespace settle::coordinator::saga {
namespace {

using State = Machine::State;

template <typename T>
bool Holds(const std::vector<SagaRecord>& records) {
  return std::any_of(records.begin(), records.end(),
                     [](const SagaRecord& record) { return std::holds_alternative<T>(record); });
}

bool IsForgottenBy(Flaw flaw, const SagaRecord& record) {
  return (flaw == Flaw::kBeginNotForced && std::holds_alternative<SagaBeginRecord>(record)) ||
         (flaw == Flaw::kAbortingNotForced && std::holds_alternative<SagaAbortingRecord>(record)) ||
         (flaw == Flaw::kEndNotForced && std::holds_alternative<SagaEndRecord>(record));
}

Definition AsTheMachineSeesIt(Definition definition, Flaw flaw) {
  if (flaw != Flaw::kCompensatedInAnyOrder) return definition;
  for (StepDefinition& step : definition.steps) step.after.clear();
  return definition;
}

}  // namespace

std::string Describe(const Move& move) {
  const std::string what = std::to_string(move.step) + " " + settle::ToString(move.op) + " ";
  switch (move.kind) {
    case Move::Kind::kDeliverCall: return "deliver call " + what;
    case Move::Kind::kDeliverCallThatFails: return "deliver call that fails " + what;
    case Move::Kind::kDeliverAnswer:
      return "deliver answer " + what + settle::ToString(move.answer);
    case Move::Kind::kStepTimer: return "step-timer " + std::to_string(move.step);
    case Move::Kind::kCancel: return "cancel";
    case Move::Kind::kLogDurable: return "persisted";
    case Move::Kind::kLogRefuses: return "persist-refused";
    case Move::Kind::kLogTimer: return "log-timer";
    case Move::Kind::kLogFlush: return "flush";
    case Move::Kind::kCrash: return "crash";
  }
  return "unrecognised";
}

World::World(const Definition& definition, Flaw flaw)
    : definition_(definition),
      flaw_(flaw),
      machine_(Machine({{}, {}, "", AsTheMachineSeesIt(definition, flaw), "{}"})),
      databases_(definition.steps.size()) {
  Handle(event::Start{});
}

std::vector<Move> World::Moves() const {
  using Kind = Move::Kind;
  std::vector<Move> moves;
  for (const auto& [step, op] : network_) {
    moves.push_back({Kind::kDeliverCall, step, op, {}});
    if (op == ActionOp::kAction) moves.push_back({Kind::kDeliverCallThatFails, step, op, {}});
  }
  if (!machine_) return moves;  // what is on its way still arrives
  moves.push_back({Kind::kCrash, 0, {}, {}});
  if (forgotten_) return moves;
  for (const auto& [step, op, answer] : replies_)
    moves.push_back({Kind::kDeliverAnswer, step, op, answer});
  for (const Machine::Step& step : machine_->steps()) {
    if (step.waits != Machine::Waits::kForNothing)
      moves.push_back({Kind::kStepTimer, step.number, {}, {}});
  }
  moves.push_back({Kind::kCancel, 0, {}, {}});
  if (log_.awaits_answer()) {
    moves.push_back({Kind::kLogDurable, 0, {}, {}});
    moves.push_back({Kind::kLogRefuses, 0, {}, {}});
  } else {
    if (machine_->state() == State::kStopping || machine_->state() == State::kEnding)
      moves.push_back({Kind::kLogTimer, 0, {}, {}});
    if (!log_.appended().empty()) moves.push_back({Kind::kLogFlush, 0, {}, {}});
  }
  return moves;
}

void World::Take(const Move& move) {
  using Kind = Move::Kind;
  const auto call = Call{move.step, move.op};
  switch (move.kind) {
    case Kind::kDeliverCall: replies_.insert({move.step, move.op, Perform(call, true)}); break;
    case Kind::kDeliverCallThatFails:
      replies_.insert({move.step, move.op, Perform(call, false)});
      break;
    case Kind::kDeliverAnswer: {
      const int attempt = machine_->steps()[move.step - 1].attempts;
      const std::string text = move.answer == AnswerKind::kDone ? "1" : "why";
      Handle(event::Answered{move.step, move.op, attempt, {move.answer, text, 0}});
      break;
    }
    case Kind::kStepTimer: Handle(event::StepTimerFired{move.step}); break;
    case Kind::kCancel: Handle(event::CancelRequested{AbortCause::kRequested, "cancel"}); break;
    case Kind::kLogDurable:
      log_.Answer(true);
      Handle(event::Persisted{});
      break;
    case Kind::kLogRefuses:
      log_.Answer(false);
      Handle(event::PersistRefused{"full"});
      break;
    case Kind::kLogTimer: Handle(event::LogTimerFired{}); break;
    case Kind::kLogFlush: log_.Flush(); break;
    case Kind::kCrash: Crash(); break;
  }
  CheckParticipants();
  CheckMachine();
}

bool World::Heal() {
  for (int round = 0; round < 200; ++round) {
    const bool over = !machine_ || forgotten_;
    for (const Call& call : std::set<Call>(network_))
      Take({Move::Kind::kDeliverCall, call.first, call.second, {}});
    if (over) return true;
    if (log_.awaits_answer()) {
      Take({Move::Kind::kLogDurable, 0, {}, {}});
      continue;
    }
    Take({Move::Kind::kLogTimer, 0, {}, {}});
    for (const Machine::Step& step : std::vector<Machine::Step>(machine_->steps())) {
      if (step.waits != Machine::Waits::kForNothing)
        Take({Move::Kind::kStepTimer, step.number, {}, {}});
    }
    for (const auto& [step, op, answer] : std::set<Reply>(replies_)) {
      if (answer != AnswerKind::kFailed) Take({Move::Kind::kDeliverAnswer, step, op, answer});
    }
  }
  return false;
}

void World::Rule(bool holds, const std::string& rule) {
  if (!holds && broken_.empty()) broken_ = rule;
}

void World::Handle(const Event& event) {
  if (forgotten_) return;
  for (const Effect& effect : machine_->Handle(event)) {
    std::visit([this](const auto& one) { See(one); }, effect);
  }
}

void World::See(const effect::Call& call) {
  Rule(flaw_ == Flaw::kBeginNotForced || Holds<SagaBeginRecord>(log_.durable()),
       "nothing is called before the begin is durable");
  Rule(call.op != ActionOp::kCompensate || flaw_ == Flaw::kAbortingNotForced ||
           Holds<SagaAbortingRecord>(log_.durable()),
       "nothing is undone before the aborting record is durable");
  Rule(!told_, "nothing is called after the end was told");
  const bool not_known_done = machine_->steps()[call.step - 1].result.empty();
  if (flaw_ == Flaw::kPivotGivenUpWithoutFence && call.op == ActionOp::kFence) {
    replies_.insert({call.step, call.op, AnswerKind::kSuppressed});
  } else if (flaw_ == Flaw::kOnlyKnownDoneIsCompensated && call.op == ActionOp::kCompensate &&
             not_known_done) {
    replies_.insert({call.step, call.op, AnswerKind::kDone});
  } else {
    network_.insert({call.step, call.op});
  }
}

void World::See(const effect::Persist& persist) {
  if (IsForgottenBy(flaw_, persist.record)) return Handle(event::Persisted{});
  log_.Append(persist);
}

void World::See(const effect::ReplyEnded& reply) {
  const Outcome outcome = reply.ending.outcome;
  Rule(flaw_ == Flaw::kEndNotForced || Holds<SagaEndRecord>(log_.durable()),
       "the end is told only when it is durable");
  Rule(!told_ || *told_ == outcome, "two different endings were told");
  Rule(outcome == Outcome::kCommitted || outcome == Outcome::kAborted, "there is no other ending");
  told_ = outcome;
}

void World::Crash() {
  machine_ = log_.Crash();
  forgotten_ = false;
  if (machine_) return Handle(event::Restored{});
  const bool left_nothing = std::all_of(databases_.begin(), databases_.end(),
                                        [](const Database& one) { return one.done == 0; });
  Rule(left_nothing && network_.empty(), "a saga of which nothing is known took effect");
}

// ---- Participants: protocols of the barrier, one local transaction each.

AnswerKind World::Perform(const Call& call, bool succeeds) {
  switch (call.second) {
    case ActionOp::kAction: return PerformAction(call.first, succeeds);
    case ActionOp::kCompensate: return PerformCompensation(call.first);
    case ActionOp::kFence: return PerformFence(call.first);
    case ActionOp::kTry:
    case ActionOp::kConfirm:
    case ActionOp::kCancel: return AnswerKind::kUnknown;
  }
  return AnswerKind::kUnknown;
}

AnswerKind World::PerformAction(BranchNumber step, bool succeeds) {
  Database& database = databases_[step - 1];
  if (flaw_ != Flaw::kBarrierForgetsItsRows && database.action == Database::Row::kByAction)
    return AnswerKind::kDone;
  if (database.action == Database::Row::kByFence ||
      database.action == Database::Row::kByCompensation) {
    return AnswerKind::kSuppressed;
  }
  if (!succeeds) return AnswerKind::kFailed;  // the row is rolled back too
  database.action = Database::Row::kByAction;
  ++database.done;
  for (BranchNumber other = 1; other <= databases_.size(); ++other) {
    const Database& before = databases_[other - 1];
    Rule(KindOf(step) == StepKind::kNoUndo || !ComesBefore(other, step) ||
             before.done > before.undone,
         "a step is done when what it rests on is not");
  }
  return AnswerKind::kDone;
}

AnswerKind World::PerformCompensation(BranchNumber step) {
  Database& database = databases_[step - 1];
  if (flaw_ != Flaw::kBarrierForgetsItsRows && database.compensation) return AnswerKind::kDone;
  database.compensation = true;
  if (database.action != Database::Row::kByAction) {  // empty compensation
    if (flaw_ != Flaw::kCompensationLeavesNoActionRow)
      database.action = Database::Row::kByCompensation;
    return AnswerKind::kDone;
  }
  ++database.undone;
  for (BranchNumber other = 1; other <= databases_.size(); ++other) {
    const Database& after = databases_[other - 1];
    Rule(KindOf(other) == StepKind::kNoUndo || !ComesBefore(step, other) ||
             after.done <= after.undone,
         "a step is undone while what rests on it stands");
  }
  return AnswerKind::kDone;
}

AnswerKind World::PerformFence(BranchNumber step) {
  Database& database = databases_[step - 1];
  if (database.action == Database::Row::kByAction) return AnswerKind::kDone;
  if (flaw_ != Flaw::kFenceLeavesNoRow) database.action = Database::Row::kByFence;
  return AnswerKind::kSuppressed;
}

bool World::ComesBefore(BranchNumber step, BranchNumber later) const {
  const std::vector<std::string>& after = definition_.steps[later - 1].after;
  return std::any_of(after.begin(), after.end(), [&](const std::string& name) {
    for (BranchNumber other = 1; other <= databases_.size(); ++other) {
      if (definition_.steps[other - 1].name != name) continue;
      return other == step || ComesBefore(step, other);
    }
    return false;
  });
}

// ---- Rules that must hold at any moment.

void World::CheckParticipants() {
  bool pivot_done = false;
  bool something_undone = false;
  for (BranchNumber step = 1; step <= databases_.size(); ++step) {
    const Database& database = databases_[step - 1];
    Rule(database.done <= 1 && database.undone <= 1, "a step took effect twice");
    something_undone = something_undone || database.undone > 0 || database.compensation;
    if (KindOf(step) == StepKind::kPivot) {
      pivot_done = database.done > 0;
      Rule(!database.compensation, "a pivot is never undone");
    }
    if (told_ == Outcome::kCommitted)
      Rule(database.done == 1 && database.undone == 0, "told committed, but a step does not stand");
    if (told_ == Outcome::kAborted && KindOf(step) != StepKind::kNoUndo)
      Rule(database.done == database.undone, "told aborted, but a step stands");
  }
  Rule(!pivot_done || !something_undone, "something is undone although the pivot is done");
}

void World::CheckMachine() {
  if (!machine_) return;
  const State state = machine_->state();
  const bool waits_for_log =
      state == State::kBeginning || state == State::kStopping || state == State::kEnding;
  bool waits = false;
  for (const Machine::Step& step : machine_->steps()) {
    const bool outstanding =
        (state == State::kRunning && step.state == Machine::StepState::kRunning) ||
        (state == State::kFencing && step.state == Machine::StepState::kFencing) ||
        (state == State::kCompensating && step.state == Machine::StepState::kUndoing);
    Rule(outstanding == (step.waits != Machine::Waits::kForNothing),
         "a step has a timer exactly while it is outstanding");
    waits = waits || outstanding;
  }
  Rule(waits || waits_for_log || state == State::kDone, "waiting for nothing");
  Rule((state == State::kDone) == forgotten_, "what is done is forgotten");
}

std::string World::KeyOf(const std::optional<Machine>& machine) const {
  if (!machine) return "gone";
  std::string key = saga::Describe(*machine) + settle::ToString(machine->abort().outcome) +
                    settle::ToString(machine->ending().outcome);
  for (const Machine::Step& step : machine->steps()) {
    key += step.maybe_sent ? 's' : '-';
    key += step.result.empty() ? '-' : 'r';
  }
  return key + (machine->past_pivot() ? "p" : "");
}

std::string World::Key() const {
  StagedLog log = log_;
  std::string key = KeyOf(machine_) + "|" + KeyOf(log.Crash()) + "|";
  for (const effect::Persist& persist : log_.appended()) key += saga::Describe(persist.record);
  for (const Database& database : databases_) {
    for (const int part : {static_cast<int>(database.action), database.compensation ? 1 : 0,
                           database.done, database.undone}) {
      key += static_cast<char>('0' + part);
    }
  }
  for (const auto& [step, op] : network_) key += std::to_string(step) + settle::ToString(op);
  for (const auto& [step, op, answer] : replies_)
    key += std::to_string(step) + settle::ToString(op) + settle::ToString(answer);
  return key + (told_ ? settle::ToString(*told_) : "") + (forgotten_ ? "f" : "");
}

std::string World::Describe() const {
  std::string text = machine_ ? saga::Describe(*machine_) : "gone";
  for (const Database& database : databases_) {
    text +=
        "; done " + std::to_string(database.done) + " undone " + std::to_string(database.undone);
  }
  return text;
}

}  // namespace settle::coordinator::saga
