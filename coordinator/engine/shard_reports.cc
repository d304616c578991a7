// What participants report, and what becomes of their sessions.
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/shard.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {

// A branch's vote is its owner's to give; what became of it, that of any session of its resource.
bool Shard::MaySpeakFor(const Reporter& reporter, const Transaction& transaction,
                        BranchNumber number, bool as_owner) const {
  const TwoPhase::Branch* branch = transaction.machine.FindBranch(number);
  if (branch == nullptr) return false;
  const bool owner_is_other = !branch->session.empty() && branch->session != reporter.session;
  if (reporter.serves.contains(branch->resource) && !(as_owner && owner_is_other)) return true;
  reporter.Ignore(transaction.about(), "a session spoke for branch " + std::to_string(number) +
                                           " in " + branch->resource + ", which is not its own");
  return false;
}

void Shard::Voted(const Reporter& reporter, const VoteReport& report) {
  Transaction* transaction = Find(report.gtid);
  if (transaction == nullptr || !MaySpeakFor(reporter, *transaction, report.vote.branch, true))
    return;
  SETTLE_FAILPOINT("engine.vote");
  transaction->Note(clock_.WallNow(), "branch " + std::to_string(report.vote.branch) + " voted " +
                                          settle::ToString(report.vote.result.vote));
  Handle(*transaction, event::Voted{report.vote});
}

void Shard::Finished(const Reporter& reporter, const EndReport& report) {
  Transaction* transaction = Find(report.key.gtid);
  if (transaction == nullptr || !MaySpeakFor(reporter, *transaction, report.key.number, false))
    return;
  SETTLE_FAILPOINT("engine.acknowledged");
  std::string what =
      "branch " + std::to_string(report.key.number) + ": " + settle::ToString(report.result.end);
  if (!report.result.detail.empty()) what += ", " + report.result.detail;
  transaction->Note(clock_.WallNow(), std::move(what));
  Handle(*transaction, event::Finished{report.key.number, report.result});
}

namespace {

// Handling an event may end a transaction and drop it, so the gtids are collected first.
template <typename Running, typename Wanted>
std::vector<Gtid> Collect(const Running& running, const Wanted& wanted) {
  std::vector<Gtid> gtids;
  for (const auto& [gtid, transaction] : running) {
    if (wanted(transaction->machine)) gtids.push_back(gtid);
  }
  return gtids;
}

template <typename Wanted>
bool AnyOf(const TwoPhase& machine, const Wanted& wanted) {
  const auto& branches = machine.branches();
  return std::any_of(branches.begin(), branches.end(), wanted);
}

}  // namespace

void Shard::SessionLost(const SessionId& session) {
  for (const Gtid& gtid : Collect(running_, [&](const TwoPhase& machine) {
         return machine.beginner().session == session ||
                AnyOf(machine, [&](const auto& branch) { return branch.session == session; });
       })) {
    Handle(*Find(gtid), event::SessionLost{session});
  }
}

void Shard::ResourceReady(const std::string& resource) {
  for (const Gtid& gtid : Collect(running_, [&](const TwoPhase& machine) {
         return AnyOf(machine, [&](const auto& branch) { return branch.resource == resource; });
       })) {
    Handle(*Find(gtid), event::ResourceReady{resource});
  }
}

void Shard::FoundPrepared(const BranchKey& key, const std::string& resource,
                          const Evidence& evidence, const std::optional<LastResource>& last,
                          const Completion<std::monostate>& done) {
  if (Transaction* transaction = Find(key.gtid)) {
    Handle(*transaction, event::FoundPrepared{key.number, resource, last, evidence});
  } else if (FindNotRunning(key.gtid) == nullptr) {
    return done(
        Fail(ErrorCode::kNotFound, "transaction " + key.gtid.text() + " is not running here"));
  }
  done(std::monostate{});
}

// A name that is made up costs memory until its last resource answers: no more of it than of
// others. The next scan finds what is left out.
void Shard::AskLastResource(const BranchKey& key, const std::string& resource,
                            const Evidence& evidence, const LastResource& last) {
  // What was found at the same moment in another database may have made it anew.
  if (Transaction* running = Find(key.gtid)) {
    return Handle(*running, event::FoundPrepared{key.number, resource, last, evidence});
  }
  if (running_.size() >= settings_.open_transactions_max) return;
  if (FindNotRunning(key.gtid) != nullptr) return;
  Restore({.heuristics = {}, .last_resource = RecordByName(key, resource, evidence, last)});
}

}  // namespace settle::coordinator
