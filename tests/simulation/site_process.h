// A process whose resources are sites of three-phase commit: the SDK's own records, recovery and
// rounds, driven as participant_sites.cc and recovery_rounds.cc drive them, over simulated ledgers
// and a simulated network between the processes.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "participant/recovery.h"
#include "participant/sites.h"
#include "simulation/process.h"
#include "simulation/simulated_ledger.h"

namespace settle::simulation {

class SiteProcess : public Process {
 public:
  // By its name, which is also its address.
  using Peers = std::map<std::string, SiteProcess*>;

  SiteProcess(World& world, CoordinatorNode& coordinator, const std::string& name,
              const std::vector<SimulatedLedger*>& ledgers, const Peers& peers,
              sdk::recovery::Settings settings, std::map<Gtid, Note>& notes);

  bool Serves(const std::string& resource) const { return records_.Serves(resource); }
  // Somebody else of the same site changes its record: what a message does that came just now.
  void TellRecord(const BranchKey& key, const std::string& resource, const PeerMessage& message);
  // The ballot under which it leads a round for one of its sites now; round 0: none.
  Ballot LeadsFor(const BranchKey& key) const;

 private:
  using Reply = std::function<void(const Result<SiteAnswer>&)>;
  struct Case {
    Case(std::string where, sdk::Recovery how) : resource(std::move(where)), recovery(how) {}
    const std::string resource;
    sdk::Recovery recovery;
    bool busy = false;
    std::uint64_t wake = 0;  // the newest alarm; earlier ones ring in vain
    Ballot leads;            // round 0: nothing
  };
  using CasePtr = std::shared_ptr<Case>;
  struct Exchanged {
    std::size_t pending = 0;
    bool over = false;
  };

  void OnStart() override;
  void OnCrash() override;
  void OfferPeers(AttachCall& call) override;
  void NoteTouch(bool yes) override;
  void CarryToSite(const Command& command) override;
  void PrepareAsSite(const BranchKey& key, const std::string& resource,
                     const Roster& sites) override;
  bool MayFinish(const BranchKey& key, const std::string& resource, Decision decision,
                 const DecidedBy& by) override;
  bool IsLeftToSites(const BranchKey& key, const std::string& resource) override;
  std::optional<Ending> DecidedHere(const std::vector<BranchKey>& branches) override;

  void PrepareWithRecord(const BranchKey& key, const std::string& resource);
  void Vote(const BranchKey& key, const std::string& resource, VoteResult vote,
            const Roster& sites);
  Result<SiteAnswer> Answer(const sdk::PeerCall& call);
  void Conclude(const BranchKey& key, const std::string& resource, const SiteRecord& record,
                bool voted = true);
  void CountRefusal(const PeerMessage& message, const SiteAnswer& at);
  void ScanDetached();

  // --- recovery
  sdk::recovery::Time Now() const;
  void Watch(const BranchKey& key, const std::string& resource, const Roster& sites);
  void Heard(const BranchKey& key);
  void Settled(const BranchKey& key);
  void WakeAt(const BranchKey& key, const CasePtr& watched, sdk::recovery::Time due);
  void Drive(const BranchKey& key, const CasePtr& watched);
  void TakeBallot(const BranchKey& key, const CasePtr& watched,
                  const sdk::recovery::TakeBallot& take);
  void Obey(const BranchKey& key, const CasePtr& watched, const sdk::recovery::Obey& obey);
  void Exchange(const BranchKey& key, const CasePtr& watched, const sdk::recovery::Tell& tell);
  void Ask(const BranchKey& site, const Roster& sites, const PeerMessage& message,
           const Reply& reply);
  void AskWitness(const Gtid& gtid, const PeerMessage& message, const Reply& reply);
  void AskPeer(const std::vector<std::string>& addresses, std::size_t index,
               const sdk::PeerCall& call, const Reply& reply);
  Way& WayTo(const std::string& peer);
  SimulatedLedger& LedgerOf(const std::string& resource);

  const std::vector<SimulatedLedger*> ledgers_;
  sdk::Sites records_;
  const Peers& peers_;
  const sdk::recovery::Settings settings_;
  std::map<std::string, Way> ways_;
  std::map<BranchKey, CasePtr> cases_;
  bool in_touch_ = false;
  Instant touched_{};
};

}  // namespace settle::simulation
