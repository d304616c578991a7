#include "recovery/contradiction.h"

#include <algorithm>

#include "protocol/branch_order.h"
#include "saga_definition/check.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

std::string InGtid(const Gtid& gtid, const LogIdentity& log) {
  if (gtid.log_id() != log.log_id) return "they are of log " + std::string(gtid.log_id());
  if (gtid.epoch() <= log.epoch) return {};
  return "they are of epoch " + std::to_string(gtid.epoch()) + ", and the log is in epoch " +
         std::to_string(log.epoch);
}

std::string InBranch(const DecidedBranch& branch, BranchNumber expected) {
  const std::string name = "branch " + std::to_string(branch.number);
  if (branch.number != expected) {
    return "the decision has " + name + " where branch " + std::to_string(expected) + " must be";
  }
  if (branch.number > kBranchNumberMax) return name + " is none that a transaction can have";
  if (!CheckResourceName(branch.resource)) {
    return name + " is of a resource with an impossible name";
  }
  if (branch.vote == Vote::kNo) return "it is decided to commit, and " + name + " voted no";
  return {};
}

std::string InDecision(const CommitRecord& commit) {
  if (commit.branches.size() > kBranchNumberMax) {
    return "the decision has " + std::to_string(commit.branches.size()) + " branches";
  }
  BranchOrder order;
  bool wrote = false;
  for (const DecidedBranch& branch : commit.branches) {
    if (std::string wrong = InBranch(branch, order.Expected(branch.number)); !wrong.empty())
      return wrong;
    wrote = wrote || branch.vote == Vote::kCommit;
  }
  return wrote ? "" : "it is decided to commit, and no branch is prepared";
}

std::string InDecision(const OnePhaseRecord& one_phase) {
  return InBranch(one_phase.branch, BranchOrder().Expected(one_phase.branch.number));
}

std::string InDecision(const QuorumAbortRecord&) { return {}; }  // see InThreePhase

std::string InDecision(std::monostate) { return {}; }

const DecidedBranch* Find(const std::vector<DecidedBranch>& branches, BranchNumber number) {
  const auto found =
      std::find_if(branches.begin(), branches.end(),
                   [number](const DecidedBranch& branch) { return branch.number == number; });
  return found == branches.end() ? nullptr : &*found;
}

// Without a decision to commit nothing says which branches there were.
bool HasBranch(const RestoredTransaction& transaction, BranchNumber number) {
  if (transaction.pre_commit) return Find(transaction.pre_commit->branches, number) != nullptr;
  if (const auto* commit = std::get_if<CommitRecord>(&transaction.decision))
    return Find(commit->branches, number) != nullptr;
  if (const auto* one_phase = std::get_if<OnePhaseRecord>(&transaction.decision))
    return one_phase->branch.number == number;
  return number != 0 && number <= kBranchNumberMax;
}

// The sites of a transaction with these branches: see Roster.
std::string InSites(const PreCommitRecord& record) {
  const std::size_t witness = record.branches.size() % 2 == 0 ? 1 : 0;
  if (record.sites.size() != record.branches.size() + witness) {
    return "it has " + std::to_string(record.sites.size()) + " sites and " +
           std::to_string(record.branches.size()) + " branches";
  }
  if (witness == 1 && record.sites.front().number != 0) return "its sites lack the witness";
  for (const DecidedBranch& branch : record.branches) {
    const Site& site = record.sites[witness + branch.number - 1];
    if (site.number == branch.number && site.resource == branch.resource) continue;
    return "its site of branch " + std::to_string(branch.number) + " is another one";
  }
  return {};
}

std::string InPreCommit(const PreCommitRecord& record) {
  if (record.branches.empty() || record.branches.size() > kBranchNumberMax) {
    return "it pre-commits " + std::to_string(record.branches.size()) + " branches";
  }
  BranchNumber expected = 0;
  for (const DecidedBranch& branch : record.branches) {
    if (std::string wrong = InBranch(branch, ++expected); !wrong.empty()) return wrong;
    if (branch.vote == Vote::kCommit) continue;
    return "it is pre-committed, and branch " + std::to_string(branch.number) + " voted " +
           settle::ToString(branch.vote);
  }
  return InSites(record);
}

std::string InThreePhase(const RestoredTransaction& transaction) {
  const auto* commit = std::get_if<CommitRecord>(&transaction.decision);
  if (!transaction.pre_commit) {
    const bool quorum = transaction.ballot || (commit != nullptr && commit->by != DecidedBy{}) ||
                        std::holds_alternative<QuorumAbortRecord>(transaction.decision);
    return quorum ? "a quorum was asked for, and no record says that it was pre-committed" : "";
  }
  if (std::string wrong = InPreCommit(*transaction.pre_commit); !wrong.empty()) return wrong;
  if (std::holds_alternative<OnePhaseRecord>(transaction.decision)) {
    return "it was pre-committed, and its decision was left to one branch";
  }
  if (!transaction.registered.empty()) return "it was pre-committed, and has reservations";
  if (commit != nullptr && commit->branches != transaction.pre_commit->branches) {
    return "its branches were others when it was pre-committed than when it was decided";
  }
  const bool decided = !std::holds_alternative<std::monostate>(transaction.decision);
  const bool forced = !transaction.intents.empty() &&
                      transaction.intents.front().intent.act == HeuristicAct::kForce;
  if (decided && forced) return "it was decided, and a person forced it as well";
  if (!decided && !forced && !transaction.heuristics.empty()) {
    return "there is damage, and no record says how it was decided";
  }
  if (transaction.ballot && IsFinal(transaction.ballot->at.state)) {
    return "a ballot was recorded after the decision";
  }
  return {};
}

std::string InLastResource(const RestoredTransaction& transaction) {
  const LastResourceRecord& record = *transaction.last_resource;
  const std::size_t count = record.branches.size();
  const DecidedBranch* last = record.Deciding();
  if (count < 2 || count > kBranchNumberMax || last == nullptr) {
    return "branch " + std::to_string(record.last) + " of " + std::to_string(count) +
           " is its last resource";
  }
  BranchOrder order;
  for (const DecidedBranch& branch : record.branches) {
    if (std::string wrong = InBranch(branch, order.Expected(branch.number)); !wrong.empty())
      return wrong;
  }
  if (last->vote != Vote::kCommit) return "its last resource is a branch that wrote nothing";
  const bool another = transaction.pre_commit || !transaction.registered.empty() ||
                       std::holds_alternative<OnePhaseRecord>(transaction.decision);
  return another ? "its last resource decides, and something else as well" : "";
}

std::string InDamage(const HeuristicRecord& heuristic, const RestoredTransaction& transaction) {
  const std::string name = "branch " + std::to_string(heuristic.branch);
  if (!HasBranch(transaction, heuristic.branch)) {
    return "there is damage of " + name + ", which it does not have";
  }
  if (heuristic.end == BranchEnd::kRetry) return "the damage of " + name + " is no end";
  return {};
}

// A verdict is of a branch in hazard; by anything else its branches are finished.
std::string InIntent(const HeuristicIntent& intent, const RestoredTransaction& transaction) {
  if (intent.act == HeuristicAct::kForce && transaction.pre_commit &&
      intent.branches != transaction.pre_commit->branches) {
    return "its branches were others when it was pre-committed than when it was forced";
  }
  if (intent.act != HeuristicAct::kVerdict) return {};
  const BranchNumber number = intent.branches.front().number;
  const bool hazard = std::any_of(
      transaction.heuristics.begin(), transaction.heuristics.end(), [&](const auto& heuristic) {
        return heuristic.branch == number && heuristic.end == BranchEnd::kHazard;
      });
  if (hazard) return {};
  return "a person said how branch " + std::to_string(number) +
         " ended, and no record says that it was not known";
}

std::string InRegistered(const RegisteredRecord& record, const RestoredTransaction& transaction) {
  const std::string name = "branch " + std::to_string(record.branch);
  if (record.branch == 0 || record.branch > kBranchNumberMax) {
    return name + " is registered, which no transaction can have";
  }
  if (!CheckResourceName(record.participant)) {
    return name + " is of a participant with an impossible name";
  }
  const auto& all = transaction.registered;
  const bool twice = std::count_if(all.begin(), all.end(), [&](const RegisteredRecord& other) {
                       return other.branch == record.branch;
                     }) > 1;
  if (twice) return name + " is registered twice";
  if (std::holds_alternative<OnePhaseRecord>(transaction.decision)) {
    return name + " is registered, and the decision was left to another branch";
  }
  const auto* commit = std::get_if<CommitRecord>(&transaction.decision);
  if (commit == nullptr) return {};
  const DecidedBranch* decided = Find(commit->branches, record.branch);
  if (decided == nullptr) return name + " is registered, and the decision does not have it";
  if (decided->resource == record.participant && decided->vote == Vote::kCommit) return {};
  return name + " is registered in " + record.participant + ", and in the decision it is a " +
         settle::ToString(decided->vote) + " vote of " + decided->resource;
}

}  // namespace

std::string FindContradiction(const HeuristicIntentRecord& record) {
  const HeuristicIntent& intent = record.intent;
  if (intent.branches.empty() || intent.branches.size() > kBranchNumberMax)
    return "a person decided of " + std::to_string(intent.branches.size()) + " branches";
  BranchOrder order;
  for (const DecidedBranch& branch : intent.branches) {
    const bool verdict = intent.act == HeuristicAct::kVerdict;
    // Damage is recorded without the resource, so that of a transaction that was aborted by
    // presumption it is not known after a start.
    if (verdict && branch.resource.empty()) continue;
    const BranchNumber expected = verdict ? branch.number : order.Expected(branch.number);
    if (std::string wrong = InBranch(branch, expected); !wrong.empty()) return wrong;
  }
  const bool one = intent.act == HeuristicAct::kForce || intent.branches.size() == 1;
  return one ? "" : "a person decided of one branch, and its record has several";
}

std::string FindContradiction(const RestoredTransaction& transaction, const LogIdentity& log) {
  if (std::string wrong = InGtid(transaction.gtid(), log); !wrong.empty()) return wrong;
  std::string wrong =
      std::visit([](const auto& decision) { return InDecision(decision); }, transaction.decision);
  if (wrong.empty()) wrong = InThreePhase(transaction);
  if (wrong.empty() && transaction.last_resource) wrong = InLastResource(transaction);
  for (const HeuristicRecord& heuristic : transaction.heuristics) {
    if (!wrong.empty()) return wrong;
    wrong = InDamage(heuristic, transaction);
  }
  for (const RegisteredRecord& record : transaction.registered) {
    if (!wrong.empty()) return wrong;
    wrong = InRegistered(record, transaction);
  }
  for (const HeuristicIntentRecord& record : transaction.intents) {
    if (!wrong.empty()) return wrong;
    wrong = FindContradiction(record);
    if (wrong.empty()) wrong = InIntent(record.intent, transaction);
  }
  return wrong;
}

namespace {

std::string InStep(BranchNumber step, std::size_t steps) {
  if (step >= 1 && step <= steps) return {};
  return "there is a record of step " + std::to_string(step) + ", which it does not have";
}

std::string InRecord(const SagaBeginRecord&, std::size_t) { return "it begins twice"; }
std::string InRecord(const SagaStepRecord& record, std::size_t steps) {
  return InStep(record.step, steps);
}
std::string InRecord(const SagaAbortingRecord& record, std::size_t steps) {
  for (const BranchNumber step : record.compensate) {
    if (std::string wrong = InStep(step, steps); !wrong.empty()) return wrong;
  }
  return {};
}
std::string InRecord(const SagaActRecord& record, std::size_t steps) {
  return InStep(record.step, steps);
}
std::string InRecord(const SagaEndRecord&, std::size_t) { return {}; }
std::string InRecord(const ForgetRecord&, std::size_t) { return {}; }

}  // namespace

std::string FindContradiction(const RestoredSaga& saga, const LogIdentity& log) {
  if (std::string wrong = InGtid(saga.begin.gtid, log); !wrong.empty()) return wrong;
  const saga::Definition& definition = saga.begin.definition;
  if (const Status good = saga::Check(definition); !good)
    return "its definition cannot run: " + good.error().message;
  for (const SagaRecord& record : saga.later) {
    std::string wrong =
        std::visit([&](const auto& one) { return InRecord(one, definition.steps.size()); }, record);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace settle::coordinator
