// Calls into resources and branches, which are other people's code: what they throw ends here and
// becomes what is known, which is little.
#pragma once

#include "settle/resource.h"

namespace settle::sdk {

// Phase one.
class Prepare {
 public:
  Prepare(Branch& branch, Resource& resource, const BranchKey& key);  // StartPrepare
  VoteResult Await();

 private:
  VoteResult Threw(const char* what);

  Branch& branch_;
  Resource& resource_;
  const BranchKey key_;
  std::string start_failed_;
};

VoteResult PrepareNow(Branch& branch, Resource& resource, const BranchKey& key);
// As a site of three-phase commit, which has no read-only votes.
VoteResult PrepareSiteNow(Branch& branch, Resource& resource, const BranchKey& key,
                          const Roster& sites);
// Rolls back, and votes no.
VoteResult RefuseNow(Branch& branch, const std::string& reason);

// Phase two by the handle.
class Finish {
 public:
  Finish(Branch& branch, Decision decision);  // StartFinish
  FinishResult Await();

 private:
  Branch& branch_;
  const Decision decision_;
  FinishResult start_failed_;
  bool started_;
};

FinishResult CommitOnePhase(Branch& branch);
Result<Evidence> TakeEvidence(Branch& branch);
Status PrepareInNameOf(Branch& branch, const std::optional<LastResource>& last);
// False when it threw; its text is in `why`.
bool FenceNow(Branch& branch, std::string& why);

void TellTrace(Resource& resource, const BranchKey& key, const std::string& trace_parent);
FinishResult FinishByKey(Resource& resource, const BranchKey& key, Decision decision,
                         const Evidence& evidence);
FinishResult Prove(Resource& resource, const BranchKey& key, const Evidence& evidence);
Result<std::string> Identify(Resource& resource);
std::vector<std::string> Warnings(const Resource& resource);
Result<std::vector<std::string>> ScanPrepared(Resource& resource);
std::optional<Evidence> EvidenceOf(Resource& resource, const std::string& database_name);
Result<LiveBranch> Inspect(Resource& resource, const BranchKey& key, const Evidence& evidence,
                           std::chrono::milliseconds timeout);
Result<Examination> Examine(Resource& resource, const std::string& log_id,
                            std::chrono::milliseconds timeout);

}  // namespace settle::sdk
