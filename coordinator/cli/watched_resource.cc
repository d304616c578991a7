#include "cli/watched_resource.h"

#include <fmt/format.h>

#include <utility>

namespace settle::cli {

WatchedResource::WatchedResource(std::shared_ptr<Resource> inner, Say say)
    : inner_(std::move(inner)), say_(std::move(say)) {}

FinishResult WatchedResource::Finish(const BranchKey& key, Decision decision,
                                     const Evidence& evidence) {
  return Tell(ToString(decision), key, inner_->Finish(key, decision, evidence));
}

FinishResult WatchedResource::Prove(const BranchKey& key, const Evidence& evidence) {
  return Tell("prove what became of", key, inner_->Prove(key, evidence));
}

void WatchedResource::Traced(const BranchKey& key, const std::string& trace_parent) {
  inner_->Traced(key, trace_parent);
  const std::lock_guard lock(mutex_);
  traces_[key] = trace_parent;
}

FinishResult WatchedResource::Tell(const char* what, const BranchKey& key, FinishResult result) {
  const std::string branch = fmt::format("branch {} of {}", key.number, key.gtid.text());
  const std::string detail = result.detail.empty() ? "" : ": " + result.detail;
  const std::unique_lock lock(mutex_);
  const auto traced = traces_.extract(key);
  const std::string trace_parent = traced ? traced.mapped() : "";
  switch (result.end) {
    case BranchEnd::kCommitted:
    case BranchEnd::kAborted:
      say_(fmt::format("{}: {} {}{}", name(), ToString(result.end), branch, detail), key.gtid,
           trace_parent);
      break;
    case BranchEnd::kHazard:
      say_(fmt::format("{}: nobody can prove what became of {}{}", name(), branch, detail),
           key.gtid, trace_parent);
      break;
    case BranchEnd::kRetry: {
      std::string complaint =
          fmt::format("{}: could not {} {}{} (tried again)", name(), what, branch, detail);
      if (std::exchange(complaint_, complaint) != complaint)
        say_(complaint, key.gtid, trace_parent);
      return result;
    }
  }
  complaint_.clear();
  return result;
}

Result<std::vector<std::string>> WatchedResource::ScanPrepared() {
  auto names = inner_->ScanPrepared();
  const std::lock_guard lock(mutex_);
  // Whoever scans says why it failed.
  const bool failed_before = std::exchange(scan_failed_, !names);
  if (names && failed_before) say_(name() + ": its database answers again", {}, {});
  return names;
}

}  // namespace settle::cli
