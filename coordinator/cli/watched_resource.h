// A database that an agent serves: as it is, with a line for people whenever something is done to a
// branch of it, or changes about it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "settle/resource.h"

namespace settle::cli {

// Thread-safe, as what it watches.
class WatchedResource : public Resource {
 public:
  // `say` takes one line; called from any thread, must not block for long.
  WatchedResource(std::shared_ptr<Resource> inner, std::function<void(const std::string&)> say);

  const std::string& name() const override { return inner_->name(); }
  Result<std::string> Identify() override { return inner_->Identify(); }
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence) override;
  FinishResult Prove(const BranchKey& key, const Evidence& evidence) override;
  Result<std::vector<std::string>> ScanPrepared() override;
  SiteLedger* site_ledger() override { return inner_->site_ledger(); }

 private:
  FinishResult Tell(const char* what, const BranchKey& key, FinishResult result);

  const std::shared_ptr<Resource> inner_;
  const std::function<void(const std::string&)> say_;
  std::mutex mutex_;
  std::string complaint_;  // what could not be done last; one line for each, not for each attempt
  bool scan_failed_ = false;
};

}  // namespace settle::cli
