#include "simulation/barrier_database.h"

#include <utility>

#include "vocabulary/planted_bug.h"

namespace settle::simulation {

using coordinator::SagaCall;

namespace {

const char* const kLost = "the connection to the database is lost";

bool HasEnded(const Gtid& gtid, const coordinator::EndedThrough& mark) {
  return coordinator::EndedThrough{gtid.epoch(), gtid.sequence()} <= mark;
}

Answer Suppressed() { return {AnswerKind::kSuppressed, "it can never be done any more", 0}; }

}  // namespace

Answer BarrierDatabase::Run(const SagaCall& call, double commit_lost, const Business& business) {
  if (!up_) return {AnswerKind::kUnknown, kLost, 0};
  if (HasEnded(call.key.gtid, ended_)) {
    world_.Count(Fault::kCallAfterTheEnd);
    return Suppressed();
  }
  Changes changes = Decide(call, business);
  if (!changes.any) return changes.answer;
  if (world_.Strikes(commit_lost, Fault::kCommitFailed)) return {AnswerKind::kUnknown, kLost, 0};
  if (changes.origin) origin_.emplace(call.key, *std::move(changes.origin));
  if (changes.confirmed) confirmed_.emplace(call.key, *std::move(changes.confirmed));
  if (changes.undone) undone_.emplace(call.key, *std::move(changes.undone));
  if (changes.took_effect) took_effect_(changes.call, changes.answer);
  world_.Effect(name_, "commits ", settle::ToString(call.op), " ", call.key.DatabaseName());
  if (!up_ || world_.Strikes(commit_lost, Fault::kCommitReplyLost))
    return {AnswerKind::kUnknown, kLost, 0};
  return changes.answer;
}

void BarrierDatabase::Prune(const coordinator::EndedThrough& mark) {
  if (!up_ || mark <= ended_) return;
  ended_ = mark;
  const auto has_ended = [&](const auto& row) { return HasEnded(row.first.gtid, mark); };
  const std::size_t removed = std::erase_if(origin_, has_ended) +
                              std::erase_if(undone_, has_ended) +
                              std::erase_if(confirmed_, has_ended);
  if (removed != 0) world_.Count(Fault::kBarrierPruned);
}

BarrierDatabase::Changes BarrierDatabase::Decide(const SagaCall& call, const Business& business) {
  switch (call.op) {
    case ActionOp::kAction:
    case ActionOp::kTry: return DecideAction(call, business);
    case ActionOp::kCompensate:
    case ActionOp::kCancel: return DecideCompensation(call, business);
    case ActionOp::kConfirm: return DecideConfirm(call, business);
    case ActionOp::kFence: return DecideFence(call);
  }
  return {};
}

// What no coordinator asks for.
BarrierDatabase::Changes BarrierDatabase::Refuse(const SagaCall& call, const char* what) const {
  world_.Violates("tcc: " + call.key.DatabaseName() + ": " + what);
  Changes changes;
  changes.answer = {AnswerKind::kUnknown, what, 0};
  return changes;
}

SagaCall BarrierDatabase::FilledIn(SagaCall call, const Row& origin) {
  if (call.input.empty()) call.input = origin.input;
  if (call.result.empty()) call.result = origin.result;
  return call;
}

BarrierDatabase::Changes BarrierDatabase::DecideConfirm(const SagaCall& call,
                                                        const Business& business) const {
  Changes changes;
  if (const auto row = confirmed_.find(call.key); row != confirmed_.end()) {
    world_.Count(Fault::kCallTwice);
    changes.answer = {AnswerKind::kDone, row->second, 0};
    return changes;
  }
  const auto tried = origin_.find(call.key);
  if (tried == origin_.end() || tried->second.by != By::kAction)
    return Refuse(call, "a confirm without its try");
  if (undone_.contains(call.key)) return Refuse(call, "a confirm after its cancel");
  changes.call = FilledIn(call, tried->second);
  changes.answer = business(changes.call);
  if (changes.answer.kind != AnswerKind::kDone) return changes;  // rolled back
  changes.any = changes.took_effect = true;
  changes.confirmed = changes.answer.text;
  return changes;
}

BarrierDatabase::Changes BarrierDatabase::DecideAction(const SagaCall& call,
                                                       const Business& business) const {
  Changes changes;
  if (const auto row = origin_.find(call.key); row != origin_.end()) {
    const bool ran = row->second.by == By::kAction;
    world_.Count(ran ? Fault::kCallTwice : Fault::kActionTooLate);
    changes.answer = ran ? Answer{AnswerKind::kDone, row->second.result, 0} : Suppressed();
    return changes;
  }
  changes.call = call;
  changes.answer = business(call);
  if (changes.answer.kind != AnswerKind::kDone) return changes;  // rolled back
  changes.any = changes.took_effect = true;
  if (!SETTLE_PLANTED_BUG(kBarrierForgetsActions))
    changes.origin = Row{By::kAction, call.input, changes.answer.text};
  return changes;
}

BarrierDatabase::Changes BarrierDatabase::DecideCompensation(const SagaCall& call,
                                                             const Business& business) const {
  Changes changes;
  if (const auto row = undone_.find(call.key); row != undone_.end()) {
    world_.Count(Fault::kCallTwice);
    changes.answer = {AnswerKind::kDone, row->second, 0};
    return changes;
  }
  if (confirmed_.contains(call.key)) return Refuse(call, "a cancel after its confirm");
  const auto origin = origin_.find(call.key);
  if (origin == origin_.end() || origin->second.by != By::kAction) {
    world_.Count(Fault::kCompensatedBeforehand);
    changes.any = true;
    if (origin == origin_.end() && !SETTLE_PLANTED_BUG(kCompensationWithoutTheActionsRow))
      changes.origin = Row{By::kCompensation, "", ""};
    changes.undone = "{}";
    changes.answer = {AnswerKind::kDone, "{}", 0};
    return changes;
  }
  changes.call = FilledIn(call, origin->second);
  changes.answer = business(changes.call);
  if (changes.answer.kind != AnswerKind::kDone) return changes;  // rolled back
  changes.any = changes.took_effect = true;
  changes.undone = changes.answer.text;
  return changes;
}

BarrierDatabase::Changes BarrierDatabase::DecideFence(const SagaCall& call) const {
  Changes changes;
  if (const auto row = origin_.find(call.key); row != origin_.end()) {
    const bool ran = row->second.by == By::kAction;
    world_.Count(ran ? Fault::kPivotFoundDone : Fault::kCallTwice);
    changes.answer = ran ? Answer{AnswerKind::kDone, row->second.result, 0} : Suppressed();
    return changes;
  }
  world_.Count(Fault::kPivotFenced);
  changes.any = true;
  if (!SETTLE_PLANTED_BUG(kFenceLeavesNoRow)) changes.origin = Row{By::kFence, "", ""};
  changes.answer = Suppressed();
  return changes;
}

}  // namespace settle::simulation
