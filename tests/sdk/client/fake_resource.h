// A database that does what a test says, and writes down what it was asked: "prepare 1", "commit
// 1", "abort 1 by key", "fence 1", "prove 1", "one-phase 1", "name after bank 1". Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fake_ledger.h"
#include "settle/resource.h"

namespace settle::sdk {

class FakeBranch;

class FakeResource : public Resource {
 public:
  using BranchType = FakeBranch;

  explicit FakeResource(std::string name) : identity("fake:" + name), name_(std::move(name)) {}

  // What it answers; changed only while no call can be under way, or guarded by the test itself.
  std::function<VoteResult(const BranchKey&)> on_prepare;
  std::function<FinishResult(const BranchKey&, Decision)> on_finish;  // by handle
  std::function<FinishResult(const BranchKey&, Decision)> on_finish_by_key;
  std::function<Result<Evidence>(const BranchKey&)> on_evidence;
  std::function<FinishResult(const BranchKey&)> on_one_phase;
  std::function<FinishResult(const BranchKey&)> on_prove;
  std::function<Status(const BranchKey&)> on_open;
  std::function<void()> on_start_prepare;
  std::function<Result<std::vector<std::string>>()> on_scan;
  std::function<Result<LiveBranch>(const BranchKey&, const Evidence&)> on_inspect;
  std::function<Examination(const std::string& log_id)> on_examine;
  std::string identity;
  std::vector<std::string> warned_of;
  // Set before anything runs: its branches can decide for others, and be prepared in their name.
  bool can_be_last = false;
  bool can_be_named = true;
  // Set before anything runs: its branches can be sites of three-phase commit.
  std::shared_ptr<FakeLedger> ledger;

  Result<std::shared_ptr<FakeBranch>> Open(const BranchKey& key);

  const std::string& name() const override { return name_; }
  Result<std::string> Identify() override { return identity; }
  std::vector<std::string> warnings() const override { return warned_of; }
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence) override;
  FinishResult Prove(const BranchKey& key, const Evidence& evidence) override;
  Result<std::vector<std::string>> ScanPrepared() override;
  Result<LiveBranch> Inspect(const BranchKey& key, const Evidence& evidence,
                             std::chrono::milliseconds timeout) override {
    return on_inspect ? on_inspect(key, evidence) : Resource::Inspect(key, evidence, timeout);
  }
  Result<Examination> Examine(const std::string& log_id,
                              std::chrono::milliseconds timeout) override {
    if (!on_examine) return Resource::Examine(log_id, timeout);
    return on_examine(log_id);
  }
  SiteLedger* site_ledger() override { return ledger.get(); }

  // What the database holds, whoever is connected.
  void SetPrepared(const BranchKey& key);
  bool IsPrepared(const BranchKey& key) const;
  std::vector<std::string> journal() const;
  // Waits for the line; false if it did not come in five seconds.
  bool Await(const std::string& line) const;
  std::size_t Count(const std::string& line) const;

 private:
  friend class FakeBranch;
  void Note(const std::string& what, const BranchKey& key);
  void Settle(const BranchKey& key);

  const std::string name_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> journal_;
  std::set<BranchKey> prepared_;
};

class FakeBranch : public Branch {
 public:
  FakeBranch(FakeResource& resource, BranchKey key) : resource_(resource), key_(std::move(key)) {}

  bool Work() const;  // false: the handle is dead
  const BranchKey& key() const { return key_; }

  void StartPrepare() override;
  VoteResult AwaitPrepare() override;
  Status BecomeSite(const Roster& sites) override;
  bool CanBeLast() const override { return resource_.can_be_last; }
  Status PrepareInNameOf(const std::optional<LastResource>& last) override;
  FinishResult AwaitFinish(Decision decision) override;
  Result<Evidence> TakeEvidence() override;
  FinishResult CommitOnePhase() override;
  void Fence() override;

 private:
  FakeResource& resource_;
  const BranchKey key_;
  mutable std::mutex mutex_;
  bool dead_ = false;
  Roster sites_;
};

}  // namespace settle::sdk
