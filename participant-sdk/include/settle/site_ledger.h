// Where a database keeps what its branches know as sites of quorum three-phase commit
// (docs/three_phase_commit.md). A resource that has one can be a site: Resource::site_ledger().
#pragma once

#include <optional>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"
#include "settle/vocabulary/three_phase.h"

namespace settle {

// Thread-safe, blocking. Its records are in the branch's own database, outside of the branch's
// transaction: they are read and written while the branch is prepared, from any process.
//
// Errors of all three: kUnavailable, the database cannot be reached (a standby does not count);
// kRetry, it is busy, nothing was done; kCorrupt, what is there is no record (nothing is done with
// it until somebody has looked); kExpired, the record was pruned; kDenied, kRefused, kInvalid, as
// their messages say.
class SiteLedger {
 public:
  virtual ~SiteLedger() = default;

  // Nothing: the branch was never told to prepare as a site. A branch that is prepared is never
  // shown as kInitial; without a record it is kNotFound: it is no site, or somebody removed what a
  // site kept, and it must not be taken for one that never voted.
  [[nodiscard]] virtual Result<std::optional<SiteRecord>> Find(const BranchKey& key) = 0;

  enum class Durability {
    kForce,  // durable when it returns, as durable as the branch's prepare
    // Durable with, and never later than, the next forced write to the same database: for a final
    // state, which the finish of the branch follows and others know.
    kLazy,
  };
  // Replaces what Find gave by `after`. False: it is something else by now, and nothing was done.
  // Two of the same key at once: one of them hears false.
  //
  // Only true says that this call did it. After kAskOutcome (the reply was lost, the disk failed),
  // and after false, find again what is so: it may be what this call wrote.
  [[nodiscard]] virtual Result<bool> Put(const BranchKey& key,
                                         const std::optional<SiteRecord>& before,
                                         const SiteRecord& after, Durability durability) = 0;

  // Throws away the final records of the mark's log at or below it. From then on, also after a
  // crash, Find and Put of a key that has no record there are kExpired: a late message of a peer
  // must not make a new record of what has ended. A record that is not final stays, and can still
  // be moved, while its branch may be prepared. The mark never goes back.
  [[nodiscard]] virtual Status Prune(const EndedThrough& mark) = 0;
};

}  // namespace settle
