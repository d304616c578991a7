// The records that this process's databases keep of their branches as sites of quorum three-phase
// commit (docs/three_phase_commit.md): what is told to a site goes through quorum::After, and is
// kept by compare-and-set, so that any number of processes may serve one database.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "settle/resource.h"
#include "settle/site_ledger.h"
#include "transport/messages.h"

namespace settle::sdk {

// Thread-safe, blocking.
class Sites {
 public:
  // Keeps those of the resources that have a ledger.
  explicit Sites(const std::vector<std::shared_ptr<Resource>>& resources);

  bool Serves(const std::string& resource) const { return ledgers_.count(resource) != 0; }

  // Nothing: there is no record. kNotFound: the resource is not served here, or has no ledger.
  [[nodiscard]] Result<std::optional<SiteRecord>> Find(const BranchKey& key,
                                                       const std::string& resource) const;

  struct Told {
    SiteRecord record;  // as it is kept now
    bool changed = false;
    bool had_voted = true;  // before it was told
  };
  // Tells the site, which has kept what the record says when this returns: durably, unless it is a
  // decision that others know. kNotFound as above; kExpired: it ended and was pruned; kRetry:
  // others change the record all the time; else the database's own errors.
  [[nodiscard]] Result<Told> Tell(const BranchKey& key, const std::string& resource,
                                  const PeerMessage& message) const;

  struct Taken {
    Ballot ballot;  // this process's alone, if the record is not final
    SiteRecord record;
  };
  // Has the site join an election that it leads itself, of a round above `above` and above all that
  // it knows of. Errors as Tell; kRefused: it has not voted.
  [[nodiscard]] Result<Taken> Lead(const BranchKey& key, const std::string& resource,
                                   std::uint64_t above) const;

  // The pruning of all ledgers, for Pruner.
  const std::map<std::string, SiteLedger*>& ledgers() const { return ledgers_; }

 private:
  [[nodiscard]] Result<SiteLedger*> LedgerOf(const std::string& resource) const;

  std::map<std::string, SiteLedger*> ledgers_;  // by resource; the resources are Participant's
};

}  // namespace settle::sdk
