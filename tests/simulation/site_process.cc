// What of a process is about sites, as participant-sdk/src/participant/participant_sites.cc.
#include "simulation/site_process.h"

#include <algorithm>
#include <utility>

#include "participant/site_words.h"

namespace settle::simulation {
namespace {

constexpr microseconds kScanEvery{80'000};

std::vector<std::shared_ptr<Resource>> AsResources(const std::vector<SimulatedLedger*>& ledgers) {
  std::vector<std::shared_ptr<Resource>> resources;
  for (SimulatedLedger* ledger : ledgers)
    resources.push_back(std::make_shared<LedgerOnly>(*ledger));
  return resources;
}

std::vector<SimulatedDatabase*> DatabasesOf(const std::vector<SimulatedLedger*>& ledgers) {
  std::vector<SimulatedDatabase*> databases;
  for (SimulatedLedger* ledger : ledgers) databases.push_back(&ledger->database());
  return databases;
}

PeerVerb VerbOf(Decision decision) {
  return decision == Decision::kCommit ? PeerVerb::kCommit : PeerVerb::kAbort;
}

Decision DecisionOf(const SiteRecord& record) {
  return record.at.state == SiteState::kCommitted ? Decision::kCommit : Decision::kAbort;
}

}  // namespace

SiteProcess::SiteProcess(World& world, CoordinatorNode& coordinator, const std::string& name,
                         const std::vector<SimulatedLedger*>& ledgers, const Peers& peers,
                         sdk::recovery::Settings settings, std::map<Gtid, Note>& notes)
    : Process(world, coordinator, name, DatabasesOf(ledgers), notes),
      ledgers_(ledgers),
      records_(AsResources(ledgers)),
      peers_(peers),
      settings_(settings) {}

void SiteProcess::OnStart() {
  in_touch_ = false;
  touched_ = world_.now();
  Process::OnStart();
  ScanDetached();
}

void SiteProcess::OnCrash() {
  Process::OnCrash();
  cases_.clear();
}

void SiteProcess::OfferPeers(AttachCall& call) {
  for (coordinator::OfferedResource& resource : call.resources) resource.peer_address = name();
}

SimulatedLedger& SiteProcess::LedgerOf(const std::string& resource) {
  return **std::find_if(ledgers_.begin(), ledgers_.end(), [&](SimulatedLedger* ledger) {
    return ledger->database().name() == resource;
  });
}

void SiteProcess::NoteTouch(bool yes) {
  if (yes) touched_ = world_.now();
  if (std::exchange(in_touch_, yes) != yes) {
    for (const auto& [key, watched] : cases_) {
      watched->recovery.InTouch(yes, Now());
      if (!watched->busy) WakeAt(key, watched, watched->recovery.Due());
    }
  }
  const bool given_up = world_.now() - touched_ > coordinator_.settings().session_timeout;
  if (!yes && given_up) Perform(table_->ForgetLeft("the coordinator could not be reached"));
}

// Also without a coordinator: sites are found so, and end without it.
void SiteProcess::ScanDetached() {
  if (!in_touch_) {
    for (SimulatedLedger* ledger : ledgers_) {
      SimulatedDatabase& database = ledger->database();
      const std::uint64_t ended_before = table_->ended_count();
      const auto names = database.ScanPrepared();
      if (!names) continue;
      for (const std::string& name : *names) {
        const BranchKey key = *BranchKey::ParseDatabaseName(name);
        if (table_->Found(key, ended_before)) IsLeftToSites(key, database.name());
      }
    }
    NoteTouch(false);
  }
  Later(kScanEvery, [this] { ScanDetached(); });
}

void SiteProcess::CountRefusal(const PeerMessage& message, const SiteAnswer& at) {
  switch (message.verb) {
    case PeerVerb::kElect:
    case PeerVerb::kPreCommit:
    case PeerVerb::kPreAbort:
      if (at.elected > message.ballot) world_.Count(Fault::kStaleBallot);
      return;
    case PeerVerb::kState:
    case PeerVerb::kCommit:
    case PeerVerb::kAbort: return;
  }
}

Result<SiteAnswer> SiteProcess::Answer(const sdk::PeerCall& call) {
  const BranchKey& key = call.key;
  Result<sdk::Sites::Told> told = records_.Tell(key, call.resource, call.message);
  if (!told) return Fail(told.error());
  const SiteRecord& record = told->record;
  CountRefusal(call.message, record.at);
  if (!LedgerOf(call.resource).Holds(key, record.at)) {
    world_.Violates("durability: " + key.DatabaseName() +
                    " says what it joined or accepted, and no durable record says so");
  }
  const bool joined = told->changed && call.message.verb == PeerVerb::kElect;
  if (joined && record.at.state == SiteState::kAborted) world_.Count(Fault::kElectedUnvoted);
  const bool news = told->changed || table_->StateOf(key) == sdk::BranchState::kPrepared;
  if (IsFinal(record.at.state) && news) {
    world_.Count(Fault::kEndedBySites);
    Settled(key);
    Conclude(key, call.resource, record, call.message.verb != PeerVerb::kElect);
  } else if (told->changed && call.message.ballot.leader != key.number) {
    Heard(key);
  }
  return record.at;
}

void SiteProcess::TellRecord(const BranchKey& key, const std::string& resource,
                             const PeerMessage& message) {
  (void)records_.Tell(key, resource, message);
}

void SiteProcess::Conclude(const BranchKey& key, const std::string& resource,
                           const SiteRecord& record, bool voted) {
  site_reports_.push_back({key, record.at});
  Perform(table_->Handle(
      key, resource,
      sdk::event::SitesDecided{DecisionOf(record), record.evidence, record.at.decided, voted}));
  Report();
}

void SiteProcess::CarryToSite(const Command& command) {
  Heard(command.key);
  sdk::PeerCall call{command.key, command.resource, {PeerVerb::kState, command.ballot, {}}};
  switch (command.kind) {
    case CommandKind::kElect:
      world_.Count(Fault::kCoordinatorLeads);
      call.message.verb = PeerVerb::kElect;
      break;
    case CommandKind::kPreCommit: call.message.verb = PeerVerb::kPreCommit; break;
    case CommandKind::kPreAbort: call.message.verb = PeerVerb::kPreAbort; break;
    case CommandKind::kPrepare:
    case CommandKind::kCommit:
    case CommandKind::kAbort:
    case CommandKind::kProve: return;
  }
  Later(Effort(), [this, call] {
    const Result<SiteAnswer> answer = Answer(call);
    if (!answer) return;
    site_reports_.push_back({call.key, *answer});
    Report();
  });
}

// The row, the prepare, the row again: others may come between any two of them. A SQLite-like
// database has all of it in one transaction.
void SiteProcess::PrepareAsSite(const BranchKey& key, const std::string& resource,
                                const Roster& sites) {
  Later(Effort(), [this, key, resource, sites] {
    const std::optional<Evidence> evidence = EvidenceOfWork(key);
    SiteRecord record{{}, sites, evidence.value_or(Evidence())};
    if (!evidence || !LedgerOf(resource).Begin(key, record)) {
      RollBackWork(key);
      return Tell(key, sdk::event::Voted{{Vote::kNo, {}, "it is decided or out of reach", true}}),
             void();
    }
    const auto prepare = [this, key, resource, sites] {
      const VoteResult vote = PrepareNow(key);
      const auto then = [this, key, resource, vote, sites] { Vote(key, resource, vote, sites); };
      DatabaseOf(resource)->can_fail_over() ? Later(Effort(), then) : then();
    };
    DatabaseOf(resource)->can_fail_over() ? Later(Effort(), prepare) : prepare();
  });
}

void SiteProcess::Vote(const BranchKey& key, const std::string& resource, VoteResult vote,
                       const Roster& sites) {
  if (vote.vote == settle::Vote::kReadOnly) {
    vote = {settle::Vote::kNo, {}, "read-only as a site", false};
  } else if (vote.vote == settle::Vote::kCommit && !LedgerOf(resource).Vote(key)) {
    DatabaseOf(resource)->Finish(key, Decision::kAbort, vote.evidence);
    vote = {settle::Vote::kNo, {}, "its peers have decided, or it is out of reach", true};
  }
  if (vote.vote == settle::Vote::kCommit) Watch(key, resource, sites);
  Later(Effort(), [this, key, vote] { Tell(key, sdk::event::Voted{vote}); });
}

// The record of a site says the decision before its branch follows it.
bool SiteProcess::MayFinish(const BranchKey& key, const std::string& resource, Decision decision,
                            const DecidedBy& by) {
  const Result<std::optional<SiteRecord>> found = records_.Find(key, resource);
  if (found && !found->has_value()) return true;
  Result<sdk::Sites::Told> told =
      found ? records_.Tell(key, resource, {VerbOf(decision), by.ballot, by.quorum})
            : Result<sdk::Sites::Told>(Fail(found.error()));
  const auto left_alone = [&](const std::string& why) {
    Tell(key, sdk::event::Finished{{BranchEnd::kRetry, why}});
    return false;
  };
  if (!told) return left_alone(told.error().message);
  const SiteRecord& record = told->record;
  if (!IsFinal(record.at.state)) return left_alone("as a site it has not voted: left alone");
  Settled(key);
  if (DecisionOf(record) == decision) {
    site_reports_.push_back({key, record.at});
    return true;
  }
  Tell(key, sdk::event::Overruled{"its sites decided otherwise"});
  Conclude(key, resource, record);
  return false;
}

bool SiteProcess::IsLeftToSites(const BranchKey& key, const std::string& resource) {
  if (!table_->MayBeSite(key)) return false;
  const Result<std::optional<SiteRecord>> found = records_.Find(key, resource);
  if (!found || !found->has_value()) return false;
  if (IsFinal((*found)->at.state)) {
    Settled(key);
    Conclude(key, resource, **found);
    return true;
  }
  Watch(key, resource, (*found)->sites);
  return false;
}

std::optional<Ending> SiteProcess::DecidedHere(const std::vector<BranchKey>& branches) {
  for (const BranchKey& key : branches) {
    const std::optional<FinishResult> end = table_->EndOf(key);
    if (!end) continue;
    for (SimulatedLedger* ledger : ledgers_) {
      const auto record = ledger->Find(key);
      if (!record || !*record || !IsFinal((*record)->at.state)) continue;
      if ((*record)->at.state == SiteState::kCommitted)
        return Ending{Outcome::kCommitted, AbortCause::kNone, "by its sites", false};
      return Ending{Outcome::kAborted, AbortCause::kQuorum, "by its sites", true};
    }
    if (end->end == BranchEnd::kAborted)
      return Ending{Outcome::kAborted, AbortCause::kRolledBack, end->detail, true};
  }
  return std::nullopt;
}

}  // namespace settle::simulation
