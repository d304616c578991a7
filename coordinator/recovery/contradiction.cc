#include "recovery/contradiction.h"

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
  BranchNumber expected = 0;
  bool wrote = false;
  for (const DecidedBranch& branch : commit.branches) {
    if (std::string wrong = InBranch(branch, ++expected); !wrong.empty()) return wrong;
    wrote = wrote || branch.vote == Vote::kCommit;
  }
  return wrote ? "" : "it is decided to commit, and no branch is prepared";
}

std::string InDecision(const OnePhaseRecord& one_phase) { return InBranch(one_phase.branch, 1); }

std::string InDecision(std::monostate) { return {}; }

BranchNumber LastBranch(const CommitRecord& commit) {
  return static_cast<BranchNumber>(commit.branches.size());
}
BranchNumber LastBranch(const OnePhaseRecord&) { return 1; }
BranchNumber LastBranch(std::monostate) { return kBranchNumberMax; }

std::string InDamage(const HeuristicRecord& heuristic, BranchNumber last) {
  const std::string name = "branch " + std::to_string(heuristic.branch);
  if (heuristic.branch == 0 || heuristic.branch > last) {
    return "there is damage of " + name + ", which it does not have";
  }
  if (heuristic.end == BranchEnd::kRetry) return "the damage of " + name + " is no end";
  return {};
}

}  // namespace

std::string FindContradiction(const RestoredTransaction& transaction, const LogIdentity& log) {
  if (std::string wrong = InGtid(transaction.gtid(), log); !wrong.empty()) return wrong;
  std::string wrong =
      std::visit([](const auto& decision) { return InDecision(decision); }, transaction.decision);
  const BranchNumber last =
      std::visit([](const auto& decision) { return LastBranch(decision); }, transaction.decision);
  for (const HeuristicRecord& heuristic : transaction.heuristics) {
    if (!wrong.empty()) return wrong;
    wrong = InDamage(heuristic, last);
  }
  return wrong;
}

}  // namespace settle::coordinator
