#include "simulation/simulated_database.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace settle::simulation {
namespace {
constexpr const char* kLost = "the connection to the database was lost";
}  // namespace

std::optional<SimulatedDatabase::LocalTransaction> SimulatedDatabase::Begin(const BranchKey& key,
                                                                            std::int64_t change) {
  if (!Reached()) return std::nullopt;
  if (kind_ == DatabaseKind::kSqliteLike && (!open_.empty() || !prepared_.empty()))
    return std::nullopt;
  const LocalTransaction local = next_++;
  open_[local] = {key, change};
  if (change != 0) wrote_[key] = change;
  status_[local] = Status::kInProgress;
  if (!Answers("begins", key)) return std::nullopt;
  return local;
}

VoteResult SimulatedDatabase::Prepare(const BranchKey& key, LocalTransaction local,
                                      const std::string& name) {
  if (!Reached()) return {Vote::kNo, {}, kLost, true};
  const auto open = open_.find(local);
  if (open == open_.end()) return {Vote::kNo, {}, "its work is gone", false};
  if (open->second.change == 0) {
    Rollback(local);
    if (!up_) return {Vote::kNo, {}, kLost, true};
    return {Vote::kReadOnly, {}, "", false};
  }
  if (world_.Strikes(0.03, Fault::kPrepareRefused)) {
    Rollback(local);
    return {Vote::kNo, {}, "could not serialize access", true};
  }
  prepared_[key] = local;
  names_[key] = name.empty() ? key.DatabaseName() : name;
  Did(Change::What::kPrepared, local, open->second);
  prepared_work_[local] = std::move(open->second);
  open_.erase(open);
  if (!Answers("prepares", key)) return {Vote::kNo, {}, kLost, true};
  return {Vote::kCommit, EvidenceOf(local), "", false};
}

void SimulatedDatabase::Commit(LocalTransaction local, const Work& work) {
  balance_ += work.change;
  ++applied_[work.key];
  status_[local] = Status::kCommitted;
}

FinishResult SimulatedDatabase::CommitOnePhase(const BranchKey& key, LocalTransaction local) {
  if (!Reached()) return {BranchEnd::kRetry, kLost};
  const auto open = open_.find(local);
  if (open == open_.end()) return {BranchEnd::kAborted, "its work is gone"};
  Commit(local, open->second);
  Did(Change::What::kCommittedInOnePhase, local, open->second);
  open_.erase(open);
  if (!Answers("commits in one phase", key)) return {BranchEnd::kRetry, kLost};
  if (world_.Strikes(world_.roughness.finish_lost, Fault::kFinishReplyLost))
    return {BranchEnd::kRetry, kLost};
  return {BranchEnd::kCommitted, ""};
}

void SimulatedDatabase::Rollback(LocalTransaction local) {
  const auto open = open_.find(local);
  if (open == open_.end()) return;
  const BranchKey key = open->second.key;
  open_.erase(open);
  status_[local] = Status::kAborted;
  Answers("rolls back", key);
}

void SimulatedDatabase::Crash() {
  world_.Say("---- ", name_, " crashes ----");
  up_ = false;
  if (when_it_crashes) when_it_crashes();
  for (const auto& [local, work] : open_) status_[local] = Status::kAborted;
  open_.clear();
}

bool SimulatedDatabase::Answers(const char* did, const BranchKey& key) {
  if (world_.script != nullptr || world_.telling())
    world_.Effect(name_, did, " ", key.DatabaseName());
  return up_;
}

void SimulatedDatabase::ForgetHistory() {
  std::erase_if(status_, [](const auto& one) { return one.second != Status::kInProgress; });
}

FinishResult SimulatedDatabase::Finish(const BranchKey& key, Decision decision,
                                       const Evidence& evidence) {
  if (!Reached()) return {BranchEnd::kRetry, kLost};
  const auto prepared = prepared_.find(key);
  if (prepared == prepared_.end()) return ByEvidence(evidence, decision);
  const LocalTransaction local = prepared->second;
  if (decision == Decision::kCommit) {
    Commit(local, prepared_work_.at(local));
  } else {
    status_[local] = Status::kAborted;
  }
  Did(decision == Decision::kCommit ? Change::What::kCommitted : Change::What::kRolledBack, local,
      prepared_work_.at(local));
  prepared_work_.erase(local);
  prepared_.erase(prepared);
  const bool commit = decision == Decision::kCommit;
  if (!Answers(commit ? "commits" : "aborts", key)) return {BranchEnd::kRetry, kLost};
  return {decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted, ""};
}

FinishResult SimulatedDatabase::ByEvidence(const Evidence& evidence, Decision decision) const {
  if (evidence.local_transaction.empty()) {
    if (decision == Decision::kAbort) return {BranchEnd::kAborted, "never prepared"};
    return {BranchEnd::kHazard, "not prepared, and no evidence"};
  }
  return Prove(evidence);
}

std::optional<Evidence> SimulatedDatabase::EvidenceOfPrepared(const std::string& name) const {
  for (const auto& [key, local] : prepared_) {
    if (names_.at(key) == name) return EvidenceOf(local);
  }
  return std::nullopt;
}

FinishResult SimulatedDatabase::Prove(const Evidence& evidence) const {
  if (!up_ || standby_) return {BranchEnd::kRetry, kLost};
  if (evidence.database != identity()) return {BranchEnd::kRetry, "another database"};
  if (evidence.timeline != timeline_) return {BranchEnd::kHazard, "a fail-over took place"};
  const auto found = status_.find(std::stoull(evidence.local_transaction));
  if (found == status_.end()) return {BranchEnd::kHazard, "no such transaction"};
  switch (found->second) {
    case Status::kCommitted: return {BranchEnd::kCommitted, "by evidence"};
    case Status::kAborted: return {BranchEnd::kAborted, "by evidence"};
    case Status::kInProgress: return {BranchEnd::kRetry, "in progress"};
  }
  return {};
}

std::optional<std::vector<std::string>> SimulatedDatabase::ScanPrepared() const {
  if (!up_ || standby_) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& [key, local] : prepared_) names.push_back(names_.at(key));
  if (!names.empty() && world_.Strikes(world_.roughness.scan_failure, Fault::kScanFailed))
    return std::nullopt;
  return names;
}

FinishResult SimulatedDatabase::FinishOverAConnection(const BranchKey& key, Decision decision,
                                                      const Evidence& evidence) {
  if (world_.Strikes(world_.roughness.finish_lost, Fault::kFinishFailed))
    return {BranchEnd::kRetry, kLost};
  const FinishResult result = Finish(key, decision, evidence);
  if (world_.Strikes(world_.roughness.finish_lost, Fault::kFinishReplyLost))
    return {BranchEnd::kRetry, kLost};
  return result;
}

std::optional<BranchKey> SimulatedDatabase::HandleByHand() {
  if (prepared_.empty() || !up_ || standby_) return std::nullopt;
  const BranchKey key =
      std::next(prepared_.begin(), static_cast<long>(world_.Pick(prepared_.size())))->first;
  FinishByHand(key, world_.Happens(0.5) ? Decision::kCommit : Decision::kAbort);
  return key;
}

void SimulatedDatabase::FinishByHand(const BranchKey& key, Decision decision) {
  meddled_.insert(key.gtid);
  Finish(key, decision, {});
  // It had done as decided, and said so, and lost that in a fail-over: nobody misses it any more.
  if (uncommitted_.contains(key)) lost_for_good_.insert(key.gtid);
}

bool SimulatedDatabase::Reached() {
  if (standby_) world_.Count(Fault::kStandbyReached);
  return up_ && !standby_;
}

void SimulatedDatabase::BecomeStandby() {
  Crash();
  up_ = true;
  standby_ = true;
}

void SimulatedDatabase::Did(Change::What what, LocalTransaction local, const Work& work) {
  constexpr std::size_t kMost = 4;
  if (when_it_flushes) when_it_flushes();
  if (!can_fail_over()) return;
  if (changes_.size() == kMost) changes_.pop_front();
  changes_.push_back({what, local, work});
}

void SimulatedDatabase::FailOver(std::size_t missed) {
  standby_ = false;
  ++timeline_;
  if (missed == 0 || changes_.empty()) world_.Count(Fault::kFailedOver);
  for (; missed != 0 && !changes_.empty(); --missed) {
    Undo(changes_.back());
    changes_.pop_back();
  }
  changes_.clear();
  world_.Say("---- ", name_, " has failed over, timeline ", timeline_, " ----");
}

void SimulatedDatabase::Undo(const Change& change) {
  const BranchKey& key = change.work.key;
  meddled_.insert(key.gtid);
  switch (change.what) {
    case Change::What::kPrepared:
      world_.Count(Fault::kFailedOverWithoutPrepare);
      if (uncommitted_.contains(key)) lost_for_good_.insert(key.gtid);
      prepared_.erase(key);
      prepared_work_.erase(change.local);
      status_.erase(change.local);
      break;
    case Change::What::kCommitted:
    case Change::What::kCommittedInOnePhase:
      world_.Count(Fault::kFailedOverWithoutCommit);
      balance_ -= change.work.change;
      if (--applied_[key] == 0) applied_.erase(key);
      status_.erase(change.local);
      if (change.what == Change::What::kCommitted) uncommitted_.insert(key);
      if (change.what == Change::What::kCommittedInOnePhase) lost_for_good_.insert(key.gtid);
      break;
    case Change::What::kRolledBack: break;
  }
  const bool prepared_again =
      change.what == Change::What::kCommitted || change.what == Change::What::kRolledBack;
  if (!prepared_again) return;
  prepared_[key] = change.local;
  prepared_work_[change.local] = change.work;
  status_[change.local] = Status::kInProgress;
  world_.Say(name_, " has ", key.DatabaseName(), " prepared again");
}

std::vector<BranchKey> SimulatedDatabase::Prepared() const {
  std::vector<BranchKey> keys;
  for (const auto& [key, local] : prepared_) keys.push_back(key);
  return keys;
}

bool SimulatedDatabase::Holds(const Gtid& gtid) const {
  return std::any_of(prepared_.begin(), prepared_.end(),
                     [&](const auto& one) { return one.first.gtid == gtid; }) ||
         std::any_of(open_.begin(), open_.end(),
                     [&](const auto& one) { return one.second.key.gtid == gtid; });
}

std::vector<BranchKey> SimulatedDatabase::Open() const {
  std::vector<BranchKey> keys;
  for (const auto& [local, work] : open_) keys.push_back(work.key);
  return keys;
}

std::int64_t SimulatedDatabase::committed_changes() const {
  std::int64_t sum = 0;
  for (const auto& [key, times] : applied_) sum += wrote_.at(key);
  return sum;
}

bool SimulatedDatabase::Committed(const BranchKey& key) const { return applied_.contains(key); }

int SimulatedDatabase::TimesApplied(const BranchKey& key) const {
  const auto found = applied_.find(key);
  return found == applied_.end() ? 0 : found->second;
}

}  // namespace settle::simulation
