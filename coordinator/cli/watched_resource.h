// A database that an agent serves: as it is, with a line for people whenever something is done to a
// branch of it, or changes about it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "settle/resource.h"

namespace settle::cli {

// Thread-safe, as what it watches.
class WatchedResource : public Resource {
 public:
  // Takes one line and the transaction that it is about, with its W3C traceparent: either may be
  // empty. Called from any thread, must not block for long.
  using Say =
      std::function<void(const std::string& line, const Gtid&, const std::string& trace_parent)>;
  WatchedResource(std::shared_ptr<Resource> inner, Say say);

  const std::string& name() const override { return inner_->name(); }
  Result<std::string> Identify() override { return inner_->Identify(); }
  std::vector<std::string> warnings() const override { return inner_->warnings(); }
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence) override;
  FinishResult Prove(const BranchKey& key, const Evidence& evidence) override;
  void Traced(const BranchKey& key, const std::string& trace_parent) override;
  Result<Examination> Examine(const std::string& log_id,
                              std::chrono::milliseconds timeout) override {
    return inner_->Examine(log_id, timeout);
  }
  Result<std::vector<std::string>> ScanPrepared() override;
  Result<LiveBranch> Inspect(const BranchKey& key, const Evidence& evidence,
                             std::chrono::milliseconds timeout) override {
    return inner_->Inspect(key, evidence, timeout);
  }
  SiteLedger* site_ledger() override { return inner_->site_ledger(); }

 private:
  FinishResult Tell(const char* what, const BranchKey& key, FinishResult result);

  const std::shared_ptr<Resource> inner_;
  const Say say_;
  std::mutex mutex_;
  std::string complaint_;  // what could not be done last; one line for each, not for each attempt
  bool scan_failed_ = false;
  std::map<BranchKey, std::string> traces_;  // of branches that are being finished
};

}  // namespace settle::cli
