#include "participant/sites.h"

#include "participant/caught.h"
#include "quorum/site.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/planted_bug.h"

namespace settle::sdk {
namespace {

// Others change the record meanwhile only as often as leaders speak to it.
constexpr int kAttemptsMost = 16;

using Found = Result<std::optional<SiteRecord>>;

Found FindIn(SiteLedger& ledger, const BranchKey& key) {
  return Caught([&] { return ledger.Find(key); },
                [](const char* what) -> Found {
                  return Fail(ErrorCode::kUnavailable, std::string("the ledger threw: ") + what);
                });
}

Result<bool> PutIn(SiteLedger& ledger, const BranchKey& key,
                   const std::optional<SiteRecord>& before, const SiteRecord& after,
                   quorum::Keep how) {
  const auto durability =
      how == quorum::Keep::kForced ? SiteLedger::Durability::kForce : SiteLedger::Durability::kLazy;
  if (SETTLE_FAILPOINT_FAILS("site.before_record"))
    return Fail(ErrorCode::kUnavailable, "the ledger cannot be reached");
  Result<bool> put =
      Caught([&] { return ledger.Put(key, before, after, durability); },
             [](const char* what) -> Result<bool> {
               return Fail(ErrorCode::kUnavailable, std::string("the ledger threw: ") + what);
             });
  // Crash here: the site keeps what nobody has heard of; whoever leads asks again.
  SETTLE_FAILPOINT("site.recorded");
  return put;
}

tl::unexpected<Error> Contended(const BranchKey& key) {
  return Fail(ErrorCode::kRetry, "the record of " + key.DatabaseName() +
                                     " was changed by others at every attempt to change it");
}

}  // namespace

Sites::Sites(const std::vector<std::shared_ptr<Resource>>& resources) {
  for (const std::shared_ptr<Resource>& resource : resources) {
    SiteLedger* const ledger = Caught([&] { return resource->site_ledger(); },
                                      [](const char*) -> SiteLedger* { return nullptr; });
    if (ledger != nullptr) ledgers_.emplace(resource->name(), ledger);
  }
}

Result<SiteLedger*> Sites::LedgerOf(const std::string& resource) const {
  const auto found = ledgers_.find(resource);
  if (found != ledgers_.end()) return found->second;
  return Fail(ErrorCode::kNotFound, "this process serves no resource named \"" + Escaped(resource) +
                                        "\" whose branches can be sites of three-phase commit");
}

Result<std::optional<SiteRecord>> Sites::Find(const BranchKey& key,
                                              const std::string& resource) const {
  const Result<SiteLedger*> ledger = LedgerOf(resource);
  if (!ledger) return Fail(ledger.error());
  return FindIn(**ledger, key);
}

Result<Sites::Told> Sites::Tell(const BranchKey& key, const std::string& resource,
                                const PeerMessage& message) const {
  const Result<SiteLedger*> ledger = LedgerOf(resource);
  if (!ledger) return Fail(ledger.error());
  for (int attempt = 0; attempt < kAttemptsMost; ++attempt) {
    const Found found = FindIn(**ledger, key);
    if (!found) return Fail(found.error());
    const SiteRecord before = found->value_or(SiteRecord());
    SiteRecord after = before;
    after.at = quorum::After(before.at, message);
    const quorum::Keep how = quorum::HowToKeep(before.at, after.at);
    if (how == quorum::Keep::kNothing) return Told{before, false};
    const Result<bool> put = PutIn(**ledger, key, *found, after, how);
    if (!put) return Fail(put.error());
    if (*put) return Told{after, true, before.at.state != SiteState::kInitial};
  }
  return Contended(key);
}

Result<Sites::Taken> Sites::Lead(const BranchKey& key, const std::string& resource,
                                 std::uint64_t above) const {
  const Result<SiteLedger*> ledger = LedgerOf(resource);
  if (!ledger) return Fail(ledger.error());
  for (int attempt = 0; attempt < kAttemptsMost; ++attempt) {
    const Found found = FindIn(**ledger, key);
    if (!found) return Fail(found.error());
    if (!*found || (*found)->at.state == SiteState::kInitial) {
      return Fail(ErrorCode::kRefused, key.DatabaseName() + " has not voted: it leads no election");
    }
    const SiteRecord& before = **found;
    const Ballot ballot{quorum::NextRound(before.at.elected, above), key.number};
    if (IsFinal(before.at.state)) return Taken{ballot, before};
    SiteRecord after = before;
    after.at = quorum::After(before.at, {PeerVerb::kElect, ballot, {}});
    if (SETTLE_PLANTED_BUG(kLeadsWithoutItsOwnRecord)) return Taken{ballot, after};
    // Its own only if this very change was the one that took it: another process that serves the
    // database may want the same.
    const Result<bool> put =
        PutIn(**ledger, key, *found, after, quorum::HowToKeep(before.at, after.at));
    if (!put) return Fail(put.error());
    if (*put) return Taken{ballot, after};
  }
  return Contended(key);
}

}  // namespace settle::sdk
