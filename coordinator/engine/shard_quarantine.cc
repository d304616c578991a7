// Transactions whose records contradict themselves, or may have gone on in records that were lost:
// shown, answered for as unknown, and else left alone.
#include <utility>

#include "engine/admission.h"
#include "engine/durable_append.h"
#include "engine/quarantine.h"
#include "engine/shard.h"

namespace settle::coordinator {

// Nothing is presumed of it and nothing is told to anybody: its branches stay as they are.
void Shard::Quarantine(const RestoredTransaction& restored) {
  TransactionSummary summary;
  summary.gtid = restored.gtid();
  summary.state = "quarantined";
  const std::string why = WhyQuarantined(restored);
  summary.ending = {Outcome::kUnknown, AbortCause::kNone, why, false};
  const auto show = [&](const DecidedBranch& branch) {
    BranchSummary row;
    row.number = branch.number;
    row.resource = branch.resource;
    row.identity = branch.evidence.database;
    row.state = "prepared";
    row.vote = settle::ToString(branch.vote);
    row.evidence = branch.evidence;
    summary.branches.push_back(std::move(row));
  };
  if (restored.pre_commit) {
    summary.origin = restored.pre_commit->origin;
    for (const DecidedBranch& branch : restored.pre_commit->branches) show(branch);
    summary.timeline.push_back({restored.pre_commit->at, "pre-committed, by the first record"});
  }
  if (restored.last_resource) {
    summary.origin = restored.last_resource->origin;
    for (const DecidedBranch& branch : restored.last_resource->branches) show(branch);
    summary.timeline.push_back(
        {restored.last_resource->delegated, "left to its last resource, by the first record"});
  }
  if (const auto* commit = std::get_if<CommitRecord>(&restored.decision)) {
    summary.origin = commit->origin;
    summary.branches.clear();
    for (const DecidedBranch& branch : commit->branches) show(branch);
    summary.timeline.push_back({commit->decided, "decided to commit, by the first record"});
  }
  if (const auto* one_phase = std::get_if<OnePhaseRecord>(&restored.decision)) {
    summary.origin = one_phase->origin;
    show(one_phase->branch);
    summary.timeline.push_back(
        {one_phase->delegated, "left to its only branch to decide, by the first record"});
  }
  for (const RegisteredRecord& record : restored.registered) {
    summary.timeline.push_back({record.at, "registered branch " + std::to_string(record.branch) +
                                               " in " + record.participant + ", action " +
                                               record.action + ", input " + record.input});
  }
  for (const HeuristicRecord& heuristic : restored.heuristics) {
    summary.timeline.push_back({heuristic.learned, "heuristic: " + heuristic.detail});
  }
  summary.timeline.push_back({clock_.WallNow(), "quarantined: " + why});
  observer_.Event(Observer::Level::kError, {summary.gtid, summary.origin.trace_parent},
                  "quarantined, and left alone with all its branches: " + why);
  quarantined_.emplace(summary.gtid, std::move(summary));
  CountRunning();
}

// One forced record, an end, says that a person has looked after it; the next start does not see it
// any more.
void Shard::ForgetQuarantined(const ForgetCall& call, const Completion<std::monostate>& done) {
  TransactionSummary& shown = quarantined_.at(call.gtid);
  if (shown.state == "forgetting") {
    return done(Fail(ErrorCode::kRetry, "it is being forgotten at this moment"));
  }
  TransactionSummary summary = ForgottenQuarantined(shown, call, clock_.WallNow());
  shown.state = "forgetting";
  DurableAppend(log_, observer_, EndRecord{std::move(summary)}, Durability::kForce,
                [this, gtid = call.gtid, done](AppendResult result, const std::string& reason) {
                  mailbox_.PostAlways([this, gtid, result, reason, done] {
                    OnQuarantineEnded(gtid, result, reason, done);
                  });
                });
}

void Shard::OnQuarantineEnded(const Gtid& gtid, AppendResult result, const std::string& reason,
                              const Completion<std::monostate>& done) {
  if (result != AppendResult::kDurable) {
    quarantined_.at(gtid).state = "quarantined";
    return done(Fail(ErrorCode::kRetry, StaysQuarantined(reason)));
  }
  quarantined_.erase(gtid);
  admission_.unended.End(gtid);
  CountRunning();
  done(std::monostate{});
}

}  // namespace settle::coordinator
