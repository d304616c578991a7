#include "fake_resource.h"

#include <algorithm>

#include "support/wait_until.h"

namespace settle::sdk {
namespace {

std::string Number(const BranchKey& key) { return " " + std::to_string(key.number); }

}  // namespace

Result<std::shared_ptr<FakeBranch>> FakeResource::Open(const BranchKey& key) {
  if (on_open) {
    if (Status opened = on_open(key); !opened) return Fail(opened.error());
  }
  Note("open", key);
  return std::make_shared<FakeBranch>(*this, key);
}

FinishResult FakeResource::Finish(const BranchKey& key, Decision decision, const Evidence&) {
  Note(std::string(ToString(decision)) + Number(key) + " by key", {});
  if (on_finish_by_key) return on_finish_by_key(key, decision);
  Settle(key);
  return {decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted, {}};
}

FinishResult FakeResource::Prove(const BranchKey& key, const Evidence&) {
  Note("prove", key);
  return on_prove ? on_prove(key) : FinishResult{BranchEnd::kAborted, "proved"};
}

Result<std::vector<std::string>> FakeResource::ScanPrepared() {
  Note("scan", {});
  if (on_scan) return on_scan();
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const BranchKey& key : prepared_) names.push_back(key.DatabaseName());
  return names;
}

void FakeResource::SetPrepared(const BranchKey& key) {
  std::lock_guard lock(mutex_);
  prepared_.insert(key);
}

void FakeResource::Settle(const BranchKey& key) {
  std::lock_guard lock(mutex_);
  prepared_.erase(key);
}

bool FakeResource::IsPrepared(const BranchKey& key) const {
  std::lock_guard lock(mutex_);
  return prepared_.count(key) > 0;
}

void FakeResource::Note(const std::string& what, const BranchKey& key) {
  std::lock_guard lock(mutex_);
  journal_.push_back(key.number == 0 ? what : what + Number(key));
  changed_.notify_all();
}

std::vector<std::string> FakeResource::journal() const {
  std::lock_guard lock(mutex_);
  return journal_;
}

bool FakeResource::Await(const std::string& line) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, settle::testing::kPatience, [&] {
    return std::find(journal_.begin(), journal_.end(), line) != journal_.end();
  });
}

std::size_t FakeResource::Count(const std::string& line) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count(journal_.begin(), journal_.end(), line));
}

bool FakeBranch::Work() const {
  std::lock_guard lock(mutex_);
  return !dead_;
}

void FakeBranch::StartPrepare() {
  if (resource_.on_start_prepare) resource_.on_start_prepare();
}

VoteResult FakeBranch::AwaitPrepare() {
  {
    std::lock_guard lock(mutex_);
    if (dead_) return {Vote::kNo, {}, "the handle is dead", false};
    dead_ = true;
  }
  resource_.Note("prepare", key_);
  VoteResult vote{Vote::kCommit, {resource_.identity, 1, std::to_string(key_.number)}, {}, false};
  if (resource_.on_prepare) vote = resource_.on_prepare(key_);
  if (vote.vote == Vote::kCommit && !sites_.empty()) {
    const SiteRecord record{{SiteState::kWaiting, kFirstBallot, {}, {}}, sites_, vote.evidence};
    const auto kept =
        resource_.ledger->Put(key_, std::nullopt, record, SiteLedger::Durability::kForce);
    if (!kept || !*kept) return {Vote::kNo, {}, "its peers decided without it", false};
  }
  if (vote.vote == Vote::kCommit) resource_.SetPrepared(key_);
  return vote;
}

Status FakeBranch::BecomeSite(const Roster& sites) {
  if (resource_.ledger == nullptr) return Branch::BecomeSite(sites);
  sites_ = sites;
  return {};
}

Status FakeBranch::PrepareInNameOf(const std::optional<LastResource>& last) {
  if (last && !resource_.can_be_named) return Branch::PrepareInNameOf(last);
  resource_.Note(last ? "name after " + last->resource : "name after nobody",
                 last ? BranchKey{{}, last->branch} : BranchKey{});
  return {};
}

FinishResult FakeBranch::AwaitFinish(Decision decision) {
  resource_.Note(ToString(decision), key_);
  if (resource_.on_finish) return resource_.on_finish(key_, decision);
  resource_.Settle(key_);
  return {decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted, {}};
}

Result<Evidence> FakeBranch::TakeEvidence() {
  if (resource_.on_evidence) return resource_.on_evidence(key_);
  return Evidence{resource_.identity, 1, std::to_string(key_.number)};
}

FinishResult FakeBranch::CommitOnePhase() {
  {
    std::lock_guard lock(mutex_);
    if (dead_) return {BranchEnd::kAborted, "the handle is dead"};
    dead_ = true;
  }
  resource_.Note("one-phase", key_);
  return resource_.on_one_phase ? resource_.on_one_phase(key_)
                                : FinishResult{BranchEnd::kCommitted, {}};
}

void FakeBranch::Fence() {
  {
    std::lock_guard lock(mutex_);
    dead_ = true;
  }
  resource_.Note("fence", key_);
}

}  // namespace settle::sdk
