#include "engine/transaction.h"

#include <algorithm>
#include <utility>

namespace settle::coordinator {

void Transaction::Note(WallTime at, std::string what) {
  constexpr std::size_t kMost = 100;
  if (timeline.size() >= kMost) timeline.erase(timeline.begin() + kMost / 2);
  timeline.push_back({at, std::move(what)});
}

TransactionSummary Transaction::Summary(const IsServed& is_served) const {
  TransactionSummary summary;
  summary.gtid = machine.gtid();
  summary.state = ToString(machine.state());
  summary.ending = machine.ending();
  summary.origin = machine.origin();
  summary.ended = ended;
  if (times.begun != Instant{}) {  // in this life
    const bool three_phase = machine.protocol() == Protocol::kThreePhase;
    summary.timeline.push_back(
        {summary.origin.began,
         "begun by " + summary.origin.owner + (three_phase ? ", for three-phase commit" : "")});
  }
  summary.timeline.insert(summary.timeline.end(), timeline.begin(), timeline.end());
  summary.heuristics = machine.intents();
  summary.own_unnamed =
      machine.state() == TwoPhase::State::kActive && !machine.beginner().session.empty();
  if (machine.protocol() == Protocol::kThreePhase)
    summary.quorum = machine.quorum().value_or(QuorumSummary{});
  for (const TwoPhase::Branch& branch : machine.branches()) {
    BranchSummary row;
    row.number = branch.number;
    row.resource = branch.resource;
    row.identity =
        branch.reservation ? "action " + branch.reservation->action : branch.identity.str();
    row.process = branch.process;
    row.state = StateOf(branch);
    if (branch.voted) row.vote = settle::ToString(branch.vote().vote);
    row.evidence = branch.vote().evidence;
    const auto reached_nobody = unsent.OrEmpty().find(branch.number);
    // A vote starts the count of attempts afresh.
    row.attempts = std::max(
        0, branch.attempts -
               (reached_nobody == unsent.OrEmpty().end() ? 0 : reached_nobody->second.attempts));
    row.last_error = LastError(branch, is_served);
    summary.branches.push_back(std::move(row));
  }
  return summary;
}

void Transaction::CountAttempt(BranchNumber branch, int attempt, bool sent) {
  if (sent && !unsent) return;
  if (attempt == 1) unsent.Change().erase(branch);
  if (sent) {
    if (const auto found = unsent->find(branch); found != unsent->end())
      found->second.latest = false;
    return;
  }
  Unsent& counted = unsent.Change()[branch];
  ++counted.attempts;
  counted.latest = true;
}

bool Transaction::IsUnserved(BranchNumber branch) const {
  const auto found = unsent.OrEmpty().find(branch);
  return found != unsent.OrEmpty().end() && found->second.latest;
}

// A participant that is not there is named at once, and not when the call's time is over.
std::string Transaction::LastError(const TwoPhase::Branch& branch,
                                   const IsServed& is_served) const {
  const bool owes = IsOutstanding(branch.state) || machine.state() == TwoPhase::State::kQuorum;
  // Whoever was sent the command may have gone since.
  const bool left = owes && is_served && !branch.reservation && !is_served(branch.resource);
  const bool unserved = owes && (left || IsUnserved(branch.number));
  return unserved ? NobodyServes(branch.resource) : branch.last_error.str();
}

bool Transaction::IsInDoubt() const {
  switch (machine.state()) {
    case TwoPhase::State::kOnePhase:
    case TwoPhase::State::kLastResource:
    case TwoPhase::State::kQuorum:
    case TwoPhase::State::kCommitting:
    case TwoPhase::State::kDamaged:
    case TwoPhase::State::kForgetting: return true;
    case TwoPhase::State::kAborting: return !machine.Unfinished().empty();
    case TwoPhase::State::kActive:
    case TwoPhase::State::kPreparing:
    case TwoPhase::State::kPreCommitting:
    case TwoPhase::State::kDeciding:
    case TwoPhase::State::kDelegating:
    case TwoPhase::State::kDone: return false;
  }
  return false;
}

bool IsOutstanding(TwoPhase::BranchState state) {
  switch (state) {
    case TwoPhase::BranchState::kTrying:
    case TwoPhase::BranchState::kPreparing:
    case TwoPhase::BranchState::kCommitting:
    case TwoPhase::BranchState::kAborting:
    case TwoPhase::BranchState::kOnePhase: return true;
    case TwoPhase::BranchState::kRegistering:
    case TwoPhase::BranchState::kWorking:
    case TwoPhase::BranchState::kPrepared:
    case TwoPhase::BranchState::kReadOnly:
    case TwoPhase::BranchState::kRefused:
    case TwoPhase::BranchState::kCommitted:
    case TwoPhase::BranchState::kAborted:
    case TwoPhase::BranchState::kHazard: return false;
  }
  return false;
}

}  // namespace settle::coordinator
