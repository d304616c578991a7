// What of a participant is about sites of three-phase commit.
#include <algorithm>
#include <utility>

#include "participant/participant.h"
#include "participant/resource_calls.h"
#include "participant/site_words.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {

PeerVerb VerbOf(Decision decision) {
  return decision == Decision::kCommit ? PeerVerb::kCommit : PeerVerb::kAbort;
}

Decision DecisionOf(const SiteRecord& record) {
  return record.at.state == SiteState::kCommitted ? Decision::kCommit : Decision::kAbort;
}

// It was no site, or its record went when it had ended.
bool HasNoRecord(const Result<std::optional<SiteRecord>>& found) {
  if (found) return !found->has_value();
  return found.error().code == ErrorCode::kNotFound || found.error().code == ErrorCode::kExpired;
}

}  // namespace

void Participant::BecomeSites(const PeerOptions& options,
                              const std::vector<std::string>& coordinators, TellPeer tell) {
  rounds_ = std::make_unique<RecoveryRounds>(
      options, coordinators, sites_,
      RecoveryRounds::Ports{
          [this](const PeerCall& call) { return Answer(call); }, std::move(tell),
          [this](const BranchKey& key, const std::string& line) { WarnOf(key, line); }});
}

std::string Participant::PeerAddressOf(const std::string& resource) const {
  return sites_.Serves(resource) ? peer_address_ : std::string();
}

void Participant::InTouch(bool yes) {
  {
    std::lock_guard lock(mutex_);
    in_touch_ = yes;
  }
  if (rounds_ != nullptr) rounds_->InTouch(yes);
}

void Participant::ForgetLeft() {
  Steps steps;
  {
    std::lock_guard lock(mutex_);
    steps = table_.ForgetLeft(
        "the coordinator could not be reached for so long that it has given the branch up");
  }
  Perform(std::move(steps));
}

Result<SiteAnswer> Participant::Answer(const PeerCall& call) {
  const BranchKey& key = call.key;
  Result<Sites::Told> told = sites_.Tell(key, call.resource, call.message);
  if (!told) return Fail(std::move(told).error());
  const SiteRecord& record = told->record;
  // A reply of the database that was lost may have hidden that it changed.
  const bool news = told->changed || StateOf(key) == BranchState::kPrepared;
  if (IsFinal(record.at.state) && news) {
    if (rounds_ != nullptr) rounds_->SettledBySites(key, call.resource, record, told->changed);
    Conclude(key, call.resource, record, told->had_voted);
  } else if (told->changed && rounds_ != nullptr && call.message.ballot.leader != key.number) {
    rounds_->Heard(key);  // somebody leads
  }
  return record.at;
}

// The record has become final, or was found so: the branch follows it, and the coordinator learns
// how it was decided.
void Participant::Conclude(const BranchKey& key, const std::string& resource,
                           const SiteRecord& record, bool voted) {
  outbox_.Add(SiteReport{key, record.at});
  Advance(key, [&] {
    return table_.Handle(
        key, resource,
        event::SitesDecided{DecisionOf(record), record.evidence, record.at.decided, voted});
  });
}

void Participant::CarryToSite(const Command& command) {
  if (rounds_ != nullptr) rounds_->Heard(command.key);
  PeerCall call{command.key, command.resource, {PeerVerb::kState, command.ballot, {}}};
  switch (command.kind) {
    case CommandKind::kElect: call.message.verb = PeerVerb::kElect; break;
    case CommandKind::kPreCommit: call.message.verb = PeerVerb::kPreCommit; break;
    case CommandKind::kPreAbort: call.message.verb = PeerVerb::kPreAbort; break;
    case CommandKind::kPrepare:
    case CommandKind::kCommit:
    case CommandKind::kAbort:
    case CommandKind::kProve: return;
  }
  desks_.at(command.resource).workers->Post([this, call] {
    SETTLE_FAILPOINT("participant.before_accept");
    const Result<SiteAnswer> answer = Answer(call);
    SETTLE_FAILPOINT("participant.accepted");
    // The coordinator says it again to whom it has not heard.
    if (answer) outbox_.Add(SiteReport{call.key, *answer});
  });
}

VoteResult Participant::PrepareSite(const BranchKey& key, Branch& branch, Resource& resource,
                                    const Roster& sites) {
  if (!sites_.Serves(resource.name())) {
    return RefuseNow(branch, resource.name() +
                                 " has no ledger for sites of three-phase commit: commit "
                                 "transactions that it is in by two phases");
  }
  if (rounds_ == nullptr) {
    return RefuseNow(branch, "the process that serves " + resource.name() +
                                 " does not listen for its peers: give it PeerOptions, or commit "
                                 "by two phases");
  }
  VoteResult vote = PrepareSiteNow(branch, resource, key, sites);
  if (vote.vote == Vote::kCommit) rounds_->Watch(key, resource.name(), sites);
  return vote;
}

// The record of a site says the decision before its branch follows it. False: the branch's machine
// was told why it may not.
bool Participant::MayFinish(const BranchKey& key, const std::string& resource, Decision decision,
                            const DecidedBy& by) {
  if (!sites_.Serves(resource)) return true;
  const Result<std::optional<SiteRecord>> found = sites_.Find(key, resource);
  if (HasNoRecord(found)) return true;
  Result<Sites::Told> told =
      found ? sites_.Tell(key, resource, {VerbOf(decision), by.ballot, by.quorum})
            : Result<Sites::Told>(Fail(found.error()));
  if (!told) {
    Tell(key, event::Finished{{BranchEnd::kRetry, Describe(told.error())}});
    NotFinished(resource);
    return false;
  }
  const SiteRecord& record = told->record;
  // Told to commit, and no vote is recorded. Nobody decides that without its vote: a crash of the
  // server took it from the record, and the branch, which would say so too, was ended by hand.
  if (!IsFinal(record.at.state)) return true;
  if (DecisionOf(record) == decision) {
    if (rounds_ != nullptr) rounds_->Settled(key);
    outbox_.Add(SiteReport{key, record.at});
    return true;
  }
  const std::string why =
      std::string("told to ") + ToString(decision) +
      ", but its sites decided otherwise: " + DecisionWords(record.at, record.sites);
  if (rounds_ != nullptr) rounds_->Settled(key);
  WarnOf(key, key.DatabaseName() + " in " + resource + ": " + why);
  Tell(key, event::Overruled{why});
  Conclude(key, resource, record);
  return false;
}

// Found prepared. True: its record says how it ends, and the coordinator need not be asked.
bool Participant::IsLeftToSites(const BranchKey& key, const std::string& resource) {
  bool may_be_site = sites_.Serves(resource);
  {
    std::lock_guard lock(mutex_);
    may_be_site = may_be_site && table_.MayBeSite(key);
  }
  if (!may_be_site) return false;
  const Result<std::optional<SiteRecord>> found = sites_.Find(key, resource);
  if (!found || !found->has_value()) return false;
  if (IsFinal((*found)->at.state)) {
    if (rounds_ != nullptr) rounds_->Settled(key);
    Conclude(key, resource, **found);
    return true;
  }
  if (rounds_ != nullptr) rounds_->Watch(key, resource, (*found)->sites);
  return false;
}

void Participant::NotFinished(const std::string& resource) {
  std::lock_guard lock(mutex_);
  desks_.at(resource).unfinished = true;
}

bool Participant::HasUnfinished() const {
  std::lock_guard lock(mutex_);
  return !in_touch_ && std::any_of(desks_.begin(), desks_.end(),
                                   [](const auto& named) { return named.second.unfinished; });
}

}  // namespace settle::sdk
