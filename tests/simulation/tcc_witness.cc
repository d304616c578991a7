#include "simulation/tcc_witness.h"

#include <algorithm>

namespace settle::simulation {

void TccWitness::Violates(const char* invariant, const SagaCall& call, const std::string& what) {
  world_.Violates(std::string(invariant) + ": " + call.key.DatabaseName() + ": " +
                  settle::ToString(call.op) + ": " + what);
}

void TccWitness::Hears(const Begun& begun) {
  if (!coordinator_.GivesOut(begun.gtid))
    world_.Violates("one decision per gtid: " + begun.gtid.text() + " was given out twice");
  notes_[begun.gtid];
}

void TccWitness::Hears(const SessionId& session, const CommandBatch& batch) {
  if (batch.number == 0 || !batches_.emplace(session, batch.number).second) return;
  for (const SagaCall& call : batch.calls) Leaves(call);
  if (!batch.ended_through) return;
  mark_ = std::max(mark_, {batch.ended_through->epoch, batch.ended_through->sequence});
}

void TccWitness::Leaves(const SagaCall& call) {
  const auto registered = coordinator_.disk().registered.find(call.key.gtid);
  const bool is_registered = registered != coordinator_.disk().registered.end() &&
                             registered->second.contains(call.key.number);
  if (!is_registered) Violates("durability", call, "it is called before it is registered durably");
  if (call.op == ActionOp::kConfirm && !IsDecided(call.key.gtid))
    Violates("durability", call, "it is called before the decision is durable");
  if (call.op == ActionOp::kCancel && IsDecided(call.key.gtid))
    Violates("atomicity", call, "it is called although it was decided to commit");
  // A copy that lay there when another one was answered does no harm: nobody waits for it.
  const Gtid& gtid = call.key.gtid;
  const bool waited_for =
      !coordinator_.disk().ended.contains(gtid) && !coordinator_.disk().pruned.contains(gtid);
  if (waited_for && std::pair(gtid.epoch(), gtid.sequence()) <= mark_)
    Violates("pruning", call, "services were told that it has ended, and may have forgotten it");
}

void TccWitness::TookEffect(const SagaCall& call) {
  ReservationNote& note = notes_[call.key.gtid].reservations[call.key.number];
  switch (call.op) {
    case ActionOp::kTry: ++note.reserved; break;
    case ActionOp::kConfirm: ++note.confirmed; break;
    case ActionOp::kCancel: ++note.cancelled; break;
    case ActionOp::kAction:
    case ActionOp::kCompensate:
    case ActionOp::kFence: Violates("tcc", call, "no transaction is called for this");
  }
  if (std::max({note.reserved, note.confirmed, note.cancelled}) > 1)
    Violates("once in effect", call, "it took effect twice");
  if (note.reserved < note.confirmed + note.cancelled)
    Violates("tcc", call, "what was not reserved, or given back already, took effect");
}

void TccWitness::Told(const Gtid& gtid, const Ending& ending) {
  TccNote& note = notes_[gtid];
  const Disk& disk = coordinator_.disk();
  if (ending.outcome == Outcome::kUndecided || ending.outcome == Outcome::kUnknown ||
      ending.outcome == Outcome::kExpired) {
    return;
  }
  if (ending.cause == AbortCause::kDeadline) world_.Count(Fault::kDeadlineReached);
  if (ending.cause == AbortCause::kVoteTimeout) world_.Count(Fault::kVoteTimeout);
  if (ending.cause == AbortCause::kOperator) world_.Count(Fault::kOperatorAborts);
  const bool reserved_something = disk.registered.contains(gtid);
  if (ending.committed() && reserved_something && !IsDecided(gtid))
    world_.Violates("durability: " + gtid.text() + " is told committed, and no record says so");
  if (ending.aborted() && IsDecided(gtid))
    world_.Violates("durability: " + gtid.text() + " is told aborted, and it was decided");
  if (ending.outcome == Outcome::kHazard && !disk.damaged.contains(gtid))
    world_.Violates("heuristics: " + gtid.text() + " is told damaged, and no record says so");
  // Of one that reserved nothing no record is kept, and abort is presumed after a crash.
  const bool contradicts = reserved_something && note.told && *note.told != ending.outcome &&
                           *note.told != Outcome::kHazard && ending.outcome != Outcome::kHazard;
  if (contradicts) world_.Violates("durability: " + gtid.text() + " was told two endings");
  note.told = ending.outcome;
}

}  // namespace settle::simulation
