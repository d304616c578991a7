#include "simulation/three_phase_invariants.h"

#include <algorithm>

namespace settle::simulation {
namespace {

bool IsAbortedAlone(const SiteAnswer& at) {
  return at.decided.ballot.round == 0 && at.state == SiteState::kAborted;
}

struct Found {
  SimulatedLedger* ledger = nullptr;
  SiteRecord record;
};

std::map<BranchKey, Found> AllRecords(const SiteScene& scene) {
  std::map<BranchKey, Found> all;
  for (SimulatedLedger& ledger : scene.ledgers) {
    for (const auto& [key, record] : ledger.Shown()) all[key] = {&ledger, record};
  }
  return all;
}

// Some process on the side serves the resource.
bool IsServedOn(const Side& side, const std::string& resource, const SiteScene& scene) {
  return std::any_of(side.processes.begin(), side.processes.end(), [&](const std::string& name) {
    return scene.processes.at(name)->Serves(resource);
  });
}

// Of the addresses that its roster names, so that peers on the side find it.
bool IsReachedOn(const Side& side, const Site& site, const SiteScene& scene) {
  if (site.number == 0) return side.coordinator;
  return std::any_of(site.addresses.begin(), site.addresses.end(), [&](const std::string& name) {
    return side.processes.contains(name) && scene.processes.at(name)->Serves(site.resource);
  });
}

std::size_t CountReached(const Side& side, const Roster& sites, const SiteScene& scene) {
  return static_cast<std::size_t>(std::count_if(sites.begin(), sites.end(), [&](const Site& site) {
    return IsReachedOn(side, site, scene);
  }));
}

}  // namespace

bool IsFinalNow(const BranchKey& key, const SiteScene& scene) {
  for (SimulatedLedger& ledger : scene.ledgers) {
    const SimulatedLedger::Records shown = ledger.Shown();
    const auto found = shown.find(key);
    if (found != shown.end()) return IsFinal(found->second.at.state);
  }
  return false;
}

std::set<BranchKey> ToBeEndedBy(const Side& side, const SiteScene& scene) {
  std::set<BranchKey> keys;
  for (const auto& [key, found] : AllRecords(scene)) {
    const SiteRecord& record = found.record;
    if (record.at.state == SiteState::kInitial || IsFinal(record.at.state)) continue;
    if (!IsServedOn(side, found.ledger->database().name(), scene)) continue;
    if (CountReached(side, record.sites, scene) >= MajorityOf(record.sites.size()))
      keys.insert(key);
  }
  return keys;
}

std::set<BranchKey> ToWaitOn(const Side& side, const Side& other, const SiteScene& scene) {
  const std::map<BranchKey, Found> all = AllRecords(scene);
  std::set<BranchKey> keys;
  if (side.coordinator) return keys;  // it may know the end, or be able to refuse one
  for (const auto& [key, found] : all) {
    const SiteRecord& record = found.record;
    if (record.at.state == SiteState::kInitial || IsFinal(record.at.state)) continue;
    if (!IsServedOn(side, found.ledger->database().name(), scene)) continue;
    // Wherever it is served at all, not only where its roster says.
    std::size_t reached = 0;
    bool known = false;
    for (const Site& site : record.sites) {
      if (site.number == 0 || !IsServedOn(side, site.resource, scene)) continue;
      ++reached;
      const auto peer = all.find({key.gtid, site.number});
      known = known || peer == all.end() || peer->second.record.at.state == SiteState::kInitial ||
              IsFinal(peer->second.record.at.state) || IsServedOn(other, site.resource, scene);
    }
    if (!known && reached < MajorityOf(record.sites.size())) keys.insert(key);
  }
  return keys;
}

bool IsAbortOfAHand(const Gtid& gtid, const SiteAnswer& at, const SiteScene& scene) {
  if (!IsAbortedAlone(at)) return false;
  return std::any_of(scene.ledgers.begin(), scene.ledgers.end(),
                     [&](SimulatedLedger& ledger) { return ledger.database().Meddled(gtid); });
}

void CheckRecords(const SiteScene& scene) {
  std::map<Gtid, SiteState> ends;
  for (const auto& [key, found] : AllRecords(scene)) {
    const SiteAnswer& at = found.record.at;
    // Of what a person forced each site holds what it heard first; see invariants.h.
    const bool forced = scene.coordinator.disk().by_person.contains(key.gtid);
    if (!IsFinal(at.state) || forced || IsAbortOfAHand(key.gtid, at, scene)) continue;
    const SiteState first = ends.try_emplace(key.gtid, at.state).first->second;
    if (first != at.state) {
      scene.world.Violates("atomicity: " + key.gtid.text() + ": its sites' records say " +
                           ToString(first) + " and " + ToString(at.state));
    }
    const std::size_t quorum = at.decided.quorum.size();
    if (!IsAbortedAlone(at) && !found.record.sites.empty() &&
        quorum < MajorityOf(found.record.sites.size())) {
      scene.world.Violates("one decision per gtid: " + key.DatabaseName() + " is " +
                           ToString(at.state) + " by " + std::to_string(quorum) + " of " +
                           std::to_string(found.record.sites.size()) + " sites");
    }
  }
}

}  // namespace settle::simulation
