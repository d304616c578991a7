// What the branch machines want done in the databases, on each resource's own threads.
#include <memory>
#include <utility>

#include "participant/participant.h"
#include "participant/resource_calls.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {

void Participant::Post(const Step& step) {
  const auto found = desks_.find(step.resource);
  if (found == desks_.end()) return;
  Workers& workers = *found->second.workers;
  Resource* const resource = found->second.own.resource.get();
  const auto start = [this, step, resource]() -> Workers::Rest {
    TellTrace(step.key, *resource);
    return Start(step, *resource);
  };
  if (StartBlocks(step.effect)) {
    workers.Post([start] {
      if (const Workers::Rest rest = start()) rest();
    });
  } else {
    workers.PostStart(start);
  }
}

// As a site of three-phase commit it has its record to ask and to write first.
bool Participant::StartBlocks(const BranchEffect& effect) {
  if (const auto* prepare = std::get_if<effect::Prepare>(&effect)) return !prepare->sites.empty();
  if (const auto* finish = std::get_if<effect::FinishByHandle>(&effect)) return finish->may_be_site;
  return true;
}

Workers::Rest Participant::Start(const Step& step, Resource& resource) {
  const BranchKey& key = step.key;
  if (const auto* prepare = std::get_if<effect::Prepare>(&step.effect)) {
    return StartPrepare(key, resource, prepare->sites);
  }
  if (const auto* by_handle = std::get_if<effect::FinishByHandle>(&step.effect)) {
    return StartFinish(key, resource.name(), *by_handle);
  }
  if (const auto* by_key = std::get_if<effect::FinishByKey>(&step.effect)) {
    RunFinish(key, resource, *by_key);
  } else if (const auto* prove = std::get_if<effect::Prove>(&step.effect)) {
    Tell(key, event::Finished{Prove(resource, key, prove->evidence)});
  } else if (std::holds_alternative<effect::Fence>(step.effect)) {
    RunFence(key);
  }
  return {};
}

Workers::Rest Participant::StartPrepare(const BranchKey& key, Resource& resource,
                                        const Roster& sites) {
  const std::shared_ptr<Branch> handle = HandleOf(key);
  if (handle == nullptr) {
    Tell(key, event::Voted{{Vote::kNo, {}, "the branch was never opened", false}});
    return {};
  }
  const auto tell = [this, key](const VoteResult& vote) {
    // Crash here: prepared, the vote was never told. The coordinator takes the branch for lost and
    // aborts; the next scan of the database finds it.
    SETTLE_FAILPOINT("participant.before_vote");
    Tell(key, event::Voted{vote});
  };
  if (!sites.empty()) {
    tell(PrepareSite(key, *handle, resource, sites));
    return {};
  }
  const auto prepare = std::make_shared<Prepare>(*handle, resource, key);
  return [handle, prepare, tell] { tell(prepare->Await()); };
}

Workers::Rest Participant::StartFinish(const BranchKey& key, const std::string& resource,
                                       const effect::FinishByHandle& finish) {
  const std::shared_ptr<Branch> handle = HandleOf(key);
  if (handle == nullptr) {
    Tell(key, event::Finished{{BranchEnd::kRetry, "the branch has no handle in this process"}});
    return {};
  }
  if (finish.may_be_site && !MayFinish(key, resource, finish.decision, finish.by)) return {};
  SETTLE_FAILPOINT("participant.before_finish");
  const auto under_way = std::make_shared<Finish>(*handle, finish.decision);
  return [this, key, resource, handle, under_way, finish] {
    const FinishResult result = under_way->Await();
    SETTLE_FAILPOINT("participant.finished");
    Tell(key, event::Finished{result}, finish.awaited ? Pace::kAtOnce : Pace::kWithOthers);
    if (finish.may_be_site && result.end == BranchEnd::kRetry) NotFinished(resource);
  };
}

void Participant::RunFinish(const BranchKey& key, Resource& resource,
                            const effect::FinishByKey& finish) {
  if (finish.may_be_site && !MayFinish(key, resource.name(), finish.decision, finish.by)) return;
  SETTLE_FAILPOINT("participant.before_finish");
  const FinishResult result = finish.prepared.empty()
                                  ? FinishByKey(resource, key, finish.decision, finish.evidence)
                                  : FinishStray(resource, finish);
  // Crash here: done in the database, the coordinator does not know and commands it again; proof
  // answers.
  SETTLE_FAILPOINT("participant.finished");
  Tell(key, event::Finished{result});
  if (finish.may_be_site && result.end == BranchEnd::kRetry) NotFinished(resource.name());
}

void Participant::RunFence(const BranchKey& key) {
  std::string why;
  // Without a handle it is still being opened: Hold finds it dead and fences what was opened.
  const std::shared_ptr<Branch> handle = HandleOf(key);
  if (handle != nullptr && !FenceNow(*handle, why)) {
    WarnOf(key, "rolling back " + key.DatabaseName() + " threw: " + why);
  }
  Tell(key, event::Fenced{});
}

}  // namespace settle::sdk
