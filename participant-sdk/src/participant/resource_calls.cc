#include "participant/resource_calls.h"

#include <string>

#include "participant/caught.h"

namespace settle::sdk {
namespace {

FinishResult NothingKnown(const char* what) {
  return {BranchEnd::kRetry, std::string("the resource threw: ") + what};
}

tl::unexpected<Error> Broken(const char* what) {
  return Fail(ErrorCode::kUnavailable, std::string("the resource threw: ") + what);
}

}  // namespace

Prepare::Prepare(Branch& branch, Resource& resource, const BranchKey& key)
    : branch_(branch), resource_(resource), key_(key) {
  start_failed_ = Caught(
      [&] {
        branch_.StartPrepare();
        return std::string();
      },
      [](const char* what) { return std::string(what) + " (thrown by StartPrepare)"; });
}

VoteResult Prepare::Await() {
  if (!start_failed_.empty()) return Threw(start_failed_.c_str());
  return Caught([&] { return branch_.AwaitPrepare(); },
                [&](const char* what) { return Threw(what); });
}

// It may be prepared or not. A no-vote is certain to end in abort, so it may be rolled back either
// way; what cannot be reached now is found by a scan and rolled back then.
VoteResult Prepare::Threw(const char* what) {
  std::string fence_failed;
  FenceNow(branch_, fence_failed);
  FinishByKey(resource_, key_, Decision::kAbort, {});
  return {Vote::kNo, {}, std::string("the resource threw while preparing: ") + what, false};
}

VoteResult PrepareNow(Branch& branch, Resource& resource, const BranchKey& key) {
  return Prepare(branch, resource, key).Await();
}

VoteResult PrepareSiteNow(Branch& branch, Resource& resource, const BranchKey& key,
                          const Roster& sites) {
  const Status site = Caught([&] { return branch.BecomeSite(sites); },
                             [](const char* what) -> Status { return Broken(what); });
  if (!site) return RefuseNow(branch, Describe(site.error()));
  VoteResult vote = PrepareNow(branch, resource, key);
  if (vote.vote != Vote::kReadOnly) return vote;
  return {Vote::kNo, {}, "the resource voted read-only as a site of three-phase commit", false};
}

VoteResult RefuseNow(Branch& branch, const std::string& reason) {
  std::string fence_failed;
  if (FenceNow(branch, fence_failed)) return {Vote::kNo, {}, reason, false};
  return {Vote::kNo, {}, reason + "; rolling it back threw: " + fence_failed, false};
}

Finish::Finish(Branch& branch, Decision decision) : branch_(branch), decision_(decision) {
  started_ = Caught(
      [&] {
        branch_.StartFinish(decision_);
        return true;
      },
      [&](const char* what) {
        start_failed_ = NothingKnown(what);
        return false;
      });
}

FinishResult Finish::Await() {
  if (!started_) return start_failed_;
  return Caught([&] { return branch_.AwaitFinish(decision_); }, NothingKnown);
}

FinishResult CommitOnePhase(Branch& branch) {
  return Caught([&] { return branch.CommitOnePhase(); }, NothingKnown);
}

Result<Evidence> TakeEvidence(Branch& branch) {
  return Caught([&] { return branch.TakeEvidence(); },
                [](const char* what) -> Result<Evidence> { return Broken(what); });
}

Status PrepareInNameOf(Branch& branch, const std::optional<LastResource>& last) {
  return Caught([&] { return branch.PrepareInNameOf(last); },
                [](const char* what) -> Status { return Broken(what); });
}

bool FenceNow(Branch& branch, std::string& why) {
  return Caught(
      [&] {
        branch.Fence();
        return true;
      },
      [&](const char* what) {
        why = what;
        return false;
      });
}

void TellTrace(Resource& resource, const BranchKey& key, const std::string& trace_parent) {
  if (trace_parent.empty()) return;
  Caught(
      [&] {
        resource.Traced(key, trace_parent);
        return true;
      },
      [](const char*) { return false; });  // a log that fails must not harm the work
}

FinishResult FinishByKey(Resource& resource, const BranchKey& key, Decision decision,
                         const Evidence& evidence) {
  return Caught([&] { return resource.Finish(key, decision, evidence); }, NothingKnown);
}

FinishResult Prove(Resource& resource, const BranchKey& key, const Evidence& evidence) {
  return Caught([&] { return resource.Prove(key, evidence); }, NothingKnown);
}

Result<std::string> Identify(Resource& resource) {
  return Caught([&] { return resource.Identify(); },
                [](const char* what) -> Result<std::string> { return Broken(what); });
}

std::vector<std::string> Warnings(const Resource& resource) {
  return Caught([&] { return resource.warnings(); },
                [](const char* what) {
                  return std::vector{std::string("asking for warnings threw: ") + what};
                });
}

Result<std::vector<std::string>> ScanPrepared(Resource& resource) {
  return Caught([&] { return resource.ScanPrepared(); },
                [](const char* what) -> Result<std::vector<std::string>> { return Broken(what); });
}

std::optional<Evidence> EvidenceOf(Resource& resource, const std::string& database_name) {
  return Caught([&] { return resource.EvidenceOf(database_name); },
                [](const char*) -> std::optional<Evidence> { return std::nullopt; });
}

Result<LiveBranch> Inspect(Resource& resource, const BranchKey& key, const Evidence& evidence,
                           std::chrono::milliseconds timeout) {
  return Caught([&] { return resource.Inspect(key, evidence, timeout); },
                [](const char* what) -> Result<LiveBranch> { return Broken(what); });
}

Result<Examination> Examine(Resource& resource, const std::string& log_id,
                            std::chrono::milliseconds timeout) {
  return Caught([&] { return resource.Examine(log_id, timeout); },
                [](const char* what) -> Result<Examination> { return Broken(what); });
}

}  // namespace settle::sdk
