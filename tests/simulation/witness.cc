#include "simulation/witness.h"

#include <algorithm>
#include <string>

#include "protocol/describe.h"

namespace settle::simulation {
namespace {

bool IsDamage(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit: return true;
    case Outcome::kCommitted:
    case Outcome::kAborted:
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return false;
  }
  return false;
}

}  // namespace

void Witness::Hears(const Gtid&, const Error& refusal) {
  const auto says = [&](const char* what) {
    return refusal.code == ErrorCode::kRetry && refusal.message.find(what) != std::string::npos;
  };
  if (says("its queue is full")) world_.Count(Fault::kMailboxFull);
  if (says("participant sessions is reached")) world_.Count(Fault::kSessionLimit);
  if (says("open transactions is reached")) world_.Count(Fault::kTransactionLimit);
}

void Witness::Hears(const Gtid&, const Begun& begun) {
  if (coordinator_.GivesOut(begun.gtid)) return;
  world_.Violates("one decision per gtid: " + begun.gtid.text() + " was given out twice");
}

void Witness::Hears(const Gtid& gtid, const CommitAnswer& answer) {
  Hears(gtid, answer.ending);
  if (!answer.ending.committed() || answer.finish_here || !answer.unfinished.empty()) return;
  const Note& note = notes_[gtid];
  if (Count(note).all() || note.meddled()) return;
  world_.Violates("durability: " + gtid.text() +
                  " is said to be applied, and a branch of it has not committed");
}

void Witness::Hears(const Gtid& gtid, const Ending& ending) {
  const Disk& disk = coordinator_.disk();
  const Note& note = notes_[gtid];
  if (ending.committed() && !disk.MayCommit(gtid) && !disk.delegated.contains(gtid) &&
      !note.may_commit_by_last() && Count(note).wrote != 0) {
    world_.Violates("durability: " + gtid.text() +
                    " is said to be committed, and no durable record says so");
  }
  if (ending.aborted() && disk.MayCommit(gtid)) {
    world_.Violates("one decision per gtid: " + gtid.text() +
                    " is said to be aborted, and it is durable that it commits");
  }
  if (ending.aborted()) {
    HearsAbort(gtid);
    CheckLastOf(gtid, "is said to be aborted");
  }
  if (IsDamage(ending.outcome) && !disk.damaged.contains(gtid)) {
    world_.Violates("heuristics: " + gtid.text() +
                    " is said to be damaged, and no durable record says so");
  }
}

// What the last resource committed is committed.
void Witness::CheckLastOf(const Gtid& gtid, const char* what) {
  const Note& note = notes_[gtid];
  if (!note.last_committed() || note.meddled()) return;
  world_.Violates("atomicity: " + gtid.text() + " " + what + ", and its last resource committed");
}

// Sites that may have pre-committed are told an abort only once that is durable.
void Witness::HearsAbort(const Gtid& gtid) {
  const Disk& disk = coordinator_.disk();
  if (!disk.pre_committed.contains(gtid) || disk.MayAbort(gtid)) return;
  world_.Violates("durability: " + gtid.text() +
                  " was pre-committed and is said to be aborted, and no durable record says so");
}

void Witness::Hears(const Gtid& gtid, const SiteAnswer& answer) {
  const Disk& disk = coordinator_.disk();
  if (answer.state == SiteState::kAborted) return HearsAbort(gtid);
  if (answer.state == SiteState::kCommitted)
    return Hears(gtid, Ending{Outcome::kCommitted, AbortCause::kNone, "", false});
  const auto kept = disk.ballots.find(gtid);
  const SiteAnswer durable =
      kept != disk.ballots.end() ? kept->second
      : disk.pre_committed.contains(gtid)
          ? SiteAnswer{SiteState::kPreCommitted, kFirstBallot, kFirstBallot, {}}
          : SiteAnswer{};
  if (answer.elected <= durable.elected && answer.accepted <= durable.accepted) return;
  world_.Violates("durability: the witness of " + gtid.text() +
                  " says what it joined or accepted, and no durable record says so");
}

void Witness::Hears(const Gtid& gtid, const OnePhaseAnswer& answer) {
  if (!answer.granted) return Hears(gtid, answer.ending);
  if (coordinator_.disk().delegated.contains(gtid) || notes_[gtid].last) return;
  world_.Violates("durability: " + gtid.text() +
                  " may commit in one phase, and no durable record says so");
}

void Witness::Hears(const Gtid&, const CommandBatch& batch) {
  for (const Command& command : batch.commands) {
    const bool durable = coordinator_.disk().MayCommit(command.key.gtid) ||
                         notes_[command.key.gtid].may_commit_by_last();
    HearsQuestion(command);
    if (command.kind == CommandKind::kCommit && !durable) {
      world_.Violates("durability: " + command.key.gtid.text() +
                      " is told to commit, and no durable record says so");
    }
    if (command.kind == CommandKind::kAbort) {
      HearsAbort(command.key.gtid);
      CheckLastOf(command.key.gtid, "is told to abort");
    }
    if (command.kind == CommandKind::kPreCommit &&
        !coordinator_.disk().pre_committed.contains(command.key.gtid)) {
      world_.Violates("durability: " + command.key.gtid.text() +
                      " is told to pre-commit, and no durable record says so");
    }
  }
}

// What a person decided holds in every later life: its sites are asked nothing any more.
void Witness::HearsQuestion(const Command& command) {
  const Disk& disk = coordinator_.disk();
  const auto forced = disk.by_person.find(command.key.gtid);
  if (forced == disk.by_person.end() || coordinator_.epoch() <= forced->second.epoch) return;
  switch (command.kind) {
    case CommandKind::kElect:
    case CommandKind::kPreCommit:
    case CommandKind::kPreAbort:
      return world_.Violates("heuristics: " + command.key.DatabaseName() +
                             " is asked in a round, and a person had decided before the start");
    case CommandKind::kPrepare:
    case CommandKind::kCommit:
    case CommandKind::kAbort:
    case CommandKind::kProve: return;
  }
}

void Witness::Carries(const Command& command, Epoch seen) {
  if (command.attempt > 1) world_.Count(Fault::kCommandRepeated);
  const std::string name = command.key.DatabaseName();
  if (command.epoch < seen) {
    world_.Violates("epochs: " + name + " obeys epoch " + std::to_string(command.epoch) +
                    " after epoch " + std::to_string(seen));
  }
  Note& note = notes_[command.key.gtid];
  const std::uint64_t bit = std::uint64_t{1} << (command.key.number % 64);
  if (command.kind == CommandKind::kCommit) note.told_to_commit |= bit;
  if (command.kind == CommandKind::kAbort) note.told_to_abort |= bit;
  if ((note.told_to_commit & note.told_to_abort & bit) != 0)
    world_.Violates("one decision per gtid: " + name + " is told to commit and to abort");
}

void Witness::Told(const Gtid& gtid, const Ending& ending) {
  if (ending.outcome == Outcome::kUndecided || ending.outcome == Outcome::kUnknown) return;
  Note& note = notes_[gtid];
  if (ending.cause == AbortCause::kDeadline) {
    world_.Count(Fault::kDeadlineReached);
    if (world_.now() - note.asked < coordinator_.settings().transaction_timeout)
      world_.Violates("time: " + gtid.text() + " was aborted by its deadline before its time");
  }
  if (ending.cause == AbortCause::kVoteTimeout) world_.Count(Fault::kVoteTimeout);
  const bool contradicts = note.told && ((note.told == Outcome::kCommitted && ending.aborted()) ||
                                         (note.told == Outcome::kAborted && ending.committed()));
  // Whoever wrote nothing has nothing to lose: an ended read-only transaction may be forgotten.
  if (contradicts && Count(note).wrote != 0)
    world_.Violates("durability: " + gtid.text() + " is told to have committed and aborted");
  note.told = ending.outcome;
}

// A durable decision is never overturned, and of how a branch ended a person speaks only where that
// is on record as not known.
void Witness::Appends(const HeuristicIntentRecord& record) {
  const Disk& disk = coordinator_.disk();
  const std::string name = record.gtid.text();
  if (record.intent.act == HeuristicAct::kVerdict) {
    const auto damaged = disk.damaged.find(record.gtid);
    const BranchNumber branch = record.intent.branches.front().number;
    if (damaged != disk.damaged.end() &&
        std::count(damaged->second.begin(), damaged->second.end(), branch) != 0)
      return;
    return world_.Violates("heuristics: a person says how a branch of " + name +
                           " ended, and no durable record says that it is not known");
  }
  if (disk.decided.contains(record.gtid) || disk.quorum_aborted.contains(record.gtid))
    world_.Violates("heuristics: " + name + " is forced, and its decision is durable");
  if (disk.by_person.contains(record.gtid))
    world_.Violates("heuristics: " + name + " is forced a second time");
}

// When no record is left of what a last resource decided, its siblings are those that were found
// prepared in its name. One that is found later is told the decision then. Those that were known
// are in the decision's record, whether there was room for it or not.
bool Witness::IsAllThatWasFound(const Note& note) const {
  const auto decided = known_.find(note.gtid);
  if (!note.last || decided == known_.end()) return false;
  return std::ranges::all_of(note.branches, [&](const auto& branch) {
    const auto& [key, database] = branch;
    if (!database->Wrote(key) || database->Committed(key)) return true;
    return database->IsPrepared(key) && !decided->second.contains(key.number);
  });
}

void Witness::Appends(const Record& record) {
  const Gtid& gtid = GtidOf(record);
  if (gtid.empty()) return;
  if (const auto* intent = std::get_if<HeuristicIntentRecord>(&record)) Appends(*intent);
  if (const auto* commit = std::get_if<CommitRecord>(&record)) {
    std::set<BranchNumber>& known = known_[gtid] = {};
    for (const DecidedBranch& branch : commit->branches)
      if (branch.vote == Vote::kCommit) known.insert(branch.number);
  }
  const Disk& disk = coordinator_.disk();
  const bool damage = std::holds_alternative<HeuristicRecord>(record);
  if (damage && disk.by_person.contains(gtid)) world_.Count(Fault::kForcedOtherwise);
  if (disk.ended.contains(gtid) || disk.pruned.contains(gtid)) {
    // What was aborted may turn out to have been committed by somebody, at any later time. When a
    // person has repaired it, it ends anew.
    const bool forgets = std::holds_alternative<ForgetRecord>(record);
    const bool ends = std::holds_alternative<EndRecord>(record) && disk.forgotten.contains(gtid);
    if (damage || ((forgets || ends) && disk.damaged.contains(gtid))) return;
    world_.Violates("one decision per gtid: " + gtid.text() +
                    " has a record after its end: " + Describe(record));
  }
  const auto* end = std::get_if<EndRecord>(&record);
  if (end == nullptr) return;
  const Note& note = notes_[gtid];
  const Tally tally = Count(note);
  if (note.meddled()) return;
  if (end->summary.ending.committed() && !tally.all() && !IsAllThatWasFound(note)) {
    world_.Violates("heuristics: " + gtid.text() +
                    " is recorded as committed everywhere, and it is not");
  }
  if (end->summary.ending.aborted() && tally.committed != 0)
    world_.Violates("heuristics: " + gtid.text() + " is recorded as aborted, and it committed");
}

}  // namespace settle::simulation
