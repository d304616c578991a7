// A prepared branch that the coordinator does not answer for, and of which a person decided.
#include <algorithm>

#include "participant/participant.h"
#include "participant/resource_calls.h"

namespace settle::sdk {
namespace {

FinishResult NotTouched(const std::string& why) {
  return {BranchEnd::kRetry, why + ": it was not touched"};
}

BranchEnd EndFor(Decision decision) {
  return decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted;
}

}  // namespace

// Exactly the one that is prepared under that name in this very database, and that nobody in this
// process works on. Of one that is not there nothing can be proved: nobody kept its evidence.
FinishResult Participant::FinishStray(Resource& resource, const effect::FinishByKey& finish) {
  const Result<BranchKey> stray = BranchKey::ParseDatabaseName(finish.prepared);
  if (!stray) return {BranchEnd::kHazard, "it has no name that Settle gives: it was not touched"};
  switch (StateOf(*stray)) {
    case BranchState::kUnknown:
    case BranchState::kPrepared:
    case BranchState::kEnded: break;
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kPreparing:
    case BranchState::kFinishing:
    case BranchState::kFencing:
    case BranchState::kAsking:
    case BranchState::kCommitting:
    case BranchState::kProving: return NotTouched("its own process works on it");
  }
  const Result<std::string> identity = Identify(resource);
  if (!identity) return NotTouched(Describe(identity.error()));
  if (!finish.evidence.database.empty() && finish.evidence.database != *identity)
    return NotTouched("this is another database, " + *identity);
  const Result<std::vector<std::string>> prepared = ScanPrepared(resource);
  if (!prepared) return NotTouched(Describe(prepared.error()));
  if (std::find(prepared->begin(), prepared->end(), finish.prepared) == prepared->end()) {
    return {BranchEnd::kHazard,
            "it is not prepared in this database any more: somebody ended it, and nothing here "
            "says how"};
  }
  // Peers that ask it, if it is a site of a three-phase commit, hear what was decided.
  const Result<std::optional<SiteRecord>> record = sites_.Find(*stray, resource.name());
  if (record && *record) {
    const PeerVerb verb =
        finish.decision == Decision::kCommit ? PeerVerb::kCommit : PeerVerb::kAbort;
    const Result<Sites::Told> told = sites_.Tell(*stray, resource.name(), {verb, {}, {}});
    if (!told) return NotTouched(Describe(told.error()));
    const SiteState is = told->record.at.state;
    const bool obeyed =
        is == (finish.decision == Decision::kCommit ? SiteState::kCommitted : SiteState::kAborted);
    if (IsFinal(is) && !obeyed) {
      return {EndFor(finish.decision == Decision::kCommit ? Decision::kAbort : Decision::kCommit),
              "its own sites decided otherwise before, and end it so"};
    }
  }
  return FinishByKey(resource, *stray, finish.decision, {});
}

}  // namespace settle::sdk
