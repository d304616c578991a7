#include "quorum_world.h"

#include <algorithm>
#include <sstream>

namespace settle::quorum {
namespace {

std::string Words(const SiteAnswer& at) {
  std::string text = std::string(settle::ToString(at.state)) + " " + ToString(at.elected);
  if (at.accepted.round != 0) text += "/" + ToString(at.accepted);
  return text;
}

std::string Name(BranchNumber site) {
  return site == 0 ? "witness" : "site-" + std::to_string(site);
}

BranchNumber NumberOf(const std::string& name) {
  return name == "witness" ? 0 : static_cast<BranchNumber>(std::stoul(name.substr(5)));
}

std::string LeaderOf(const Ballot& ballot) {
  return ballot.leader == 0 ? "coordinator" : Name(ballot.leader);
}

// Who decided with whom makes no difference to what follows.
SiteAnswer Told(const SiteAnswer& kept, const PeerMessage& message) {
  SiteAnswer after = After(kept, message);
  after.decided = {};
  return after;
}

}  // namespace

World::World(const Setting& setting) : setting_(setting) {
  for (const BranchNumber number : setting.sites) {
    roster_.push_back({number});
    sites_[number];
  }
}

// "2.1"; led again: "2.1'". The message of a coordinator that aborts alone: "alone".
std::string World::NameOf(const Lead& lead) const {
  if (lead.ballot.round == 0) return "alone";
  std::string name = ToString(lead.ballot);
  for (const Lead& earlier : leads_) {
    if (&earlier == &lead) return name;
    if (earlier.ballot == lead.ballot) name += "'";
  }
  return name;
}

World::Lead& World::LeadNamed(const std::string& name) {
  return *std::find_if(leads_.begin(), leads_.end(),
                       [&](const Lead& lead) { return NameOf(lead) == name; });
}

bool World::CanPreCommit() const {
  if (pre_committed_ || aborted_alone_ || coordinator_crashed_) return false;
  return std::all_of(sites_.begin(), sites_.end(), [](const auto& one) {
    // A witness that was elected before has aborted.
    return one.first == 0 ? one.second.kept.state == SiteState::kInitial : one.second.voted;
  });
}

// Before it can have pre-committed.
bool World::CanAbortAlone() const { return !pre_committed_ && !aborted_alone_; }

// One that forgets nothing in a crash only stops, as anybody may; before it has pre-committed it
// aborts alone.
bool World::CoordinatorMayForget() const {
  if (coordinator_crashed_ || !pre_committed_) return false;
  if (HasWitness() && sites_.at(0).kept != sites_.at(0).durable) return true;
  return setting_.omission == Omission::kForgetsThatItPreCommitted ||
         setting_.omission == Omission::kReusesItsBallot;
}

bool World::MayLead(const Ballot& ballot) const {
  const auto times = std::count_if(leads_.begin(), leads_.end(),
                                   [&](const Lead& lead) { return lead.ballot == ballot; });
  const bool again = setting_.omission == Omission::kLeadsWithoutItsOwnRecord ||
                     (setting_.omission == Omission::kReusesItsBallot && ballot.leader == 0 &&
                      coordinator_crashed_);
  if (times > (again ? 1 : 0)) return false;
  if (ballot.leader == 0) return pre_committed_;
  const SiteAnswer& own = sites_.at(ballot.leader).kept;
  if (own.state == SiteState::kInitial || IsFinal(own.state)) return false;
  return setting_.omission == Omission::kLeadsWithoutItsOwnRecord || own.elected < ballot;
}

std::vector<std::string> World::Choices() const {
  std::vector<std::string> choices;
  for (const auto& [number, site] : sites_) {
    const std::string name = Name(number);
    if (number == 0) continue;
    if (site.kept.state == SiteState::kInitial) {
      choices.push_back(name + " votes-yes");
      choices.push_back(name + " votes-no");
    }
    if (setting_.omission == Omission::kAbortsAloneInW && site.kept.state == SiteState::kWaiting)
      choices.push_back(name + " gives-up");
    if (site.kept != site.durable) choices.push_back(name + " crashes");
  }
  if (CanPreCommit()) choices.push_back("coordinator pre-commits");
  if (CanAbortAlone()) choices.push_back("coordinator aborts-alone");
  if (CoordinatorMayForget()) choices.push_back("coordinator crashes");
  for (const Ballot& ballot : setting_.recoveries) {
    if (MayLead(ballot)) choices.push_back(LeaderOf(ballot) + " leads " + ToString(ballot));
  }
  for (const Lead& lead : leads_) ListMessages(lead, choices);
  return choices;
}

// Those whose arrival, or whose answer, changes anything.
void World::ListMessages(const Lead& lead, std::vector<std::string>& choices) const {
  for (const PeerMessage& message : lead.sent) {
    for (const auto& [number, site] : sites_) {
      const SiteAnswer after = Told(site.kept, message);
      const std::string hears =
          Name(number) + " hears " + NameOf(lead) + " " + settle::ToString(message.verb);
      if (Counts(lead, number, after)) choices.push_back(hears);
      if (after != site.kept) choices.push_back(hears + ", unanswered");
    }
  }
}

// Whether it makes a difference to the leader.
bool World::Counts(const Lead& lead, BranchNumber number, const SiteAnswer& answer) {
  if (!lead.round || lead.round->decision()) return false;
  Round after = *lead.round;
  if (after.Take(number, answer) || after.Unanswered() != lead.round->Unanswered()) return true;
  const auto taken = lead.taken.find(number);
  return taken != lead.taken.end() && taken->second != answer && answer.elected == lead.ballot &&
         lead.round->message().verb == PeerVerb::kElect;
}

void World::Do(const std::string& choice) {
  std::istringstream words(choice);
  std::string who;
  std::string what;
  std::string whom;
  words >> who >> what >> whom;
  std::string rest;
  std::getline(words >> std::ws, rest);
  if (what == "votes-yes") {
    Site& site = sites_.at(NumberOf(who));
    site.voted = true;
    site.kept.state = SiteState::kWaiting;
    site.durable = site.kept;
  } else if (what == "votes-no" || what == "gives-up") {
    Site& site = sites_.at(NumberOf(who));
    site.kept.state = SiteState::kAborted;
    site.durable = site.kept;
    Decided(Decision::kAbort, who);
  } else if (what == "crashes") {
    who == "coordinator" ? CrashCoordinator() : CrashSite(NumberOf(who));
  } else if (what == "pre-commits") {
    PreCommit();
  } else if (what == "aborts-alone") {
    AbortAlone();
  } else if (what == "leads") {
    for (const Ballot& one : setting_.recoveries) {
      if (ToString(one) == whom) StartToLead(one);
    }
  } else if (what == "hears") {
    Lead& lead = LeadNamed(whom);
    const std::string verb = rest.substr(0, rest.find(','));
    const auto message =
        std::find_if(lead.sent.begin(), lead.sent.end(),
                     [&](const PeerMessage& one) { return settle::ToString(one.verb) == verb; });
    const SiteAnswer answer = Hear(NumberOf(who), *message);
    if (rest == verb) Take(lead, NumberOf(who), answer);
  }
}

void World::PreCommit() {
  pre_committed_ = true;
  Lead lead{kFirstBallot, Round::First(roster_), {}, {}};
  lead.sent.push_back(lead.round->message());
  leads_.push_back(std::move(lead));
  if (!HasWitness()) return;
  // The record that it may have been sent is the witness's own acceptance.
  Site& witness = sites_.at(0);
  witness.kept.state = SiteState::kPreCommitted;
  witness.kept.accepted = kFirstBallot;
  if (setting_.omission != Omission::kForgetsThatItPreCommitted) witness.durable = witness.kept;
}

// It tells the decision as anybody who holds one.
void World::AbortAlone() {
  aborted_alone_ = true;
  Decided(Decision::kAbort, "coordinator, alone");
  leads_.push_back({{}, std::nullopt, {{PeerVerb::kAbort, {}, {}}}, {}});
}

// Whoever it told of is still told: that is on the wire. When it is back it leads a round of its
// own if it remembers that it pre-committed, and presumes an abort else.
void World::CrashCoordinator() {
  coordinator_crashed_ = true;
  for (Lead& lead : leads_) {
    if (lead.ballot.leader == 0) Die(lead);
  }
  if (HasWitness()) sites_.at(0).kept = sites_.at(0).durable;
  if (setting_.omission == Omission::kForgetsThatItPreCommitted) pre_committed_ = false;
}

void World::CrashSite(BranchNumber number) {
  Site& site = sites_.at(number);
  site.kept = site.durable;
  for (Lead& lead : leads_) {
    if (lead.ballot.leader == number) Die(lead);
  }
}

void World::Die(Lead& lead) {
  lead.round.reset();
  lead.taken.clear();
}

void World::StartToLead(const Ballot& ballot) {
  const bool own_first = setting_.omission != Omission::kLeadsWithoutItsOwnRecord;
  const auto own = sites_.find(ballot.leader);
  if (own != sites_.end() && own_first) {
    const bool forced = setting_.omission != Omission::kReusesItsBallot || ballot.leader != 0;
    const SiteAnswer after = Told(own->second.kept, {PeerVerb::kElect, ballot, {}});
    forced ? Keep(own->second, after) : void(own->second.kept = after);
  }
  Lead lead{ballot, Round(roster_, ballot), {}, {}};
  lead.sent.push_back(lead.round->message());
  leads_.push_back(std::move(lead));
}

void World::Keep(Site& site, const SiteAnswer& after) {
  switch (HowToKeep(site.kept, after)) {
    case Keep::kNothing: return;
    case Keep::kLazily: site.kept = after; return;
    case Keep::kForced: site.kept = site.durable = after; return;
  }
}

SiteAnswer World::Hear(BranchNumber number, const PeerMessage& message) {
  Site& site = sites_.at(number);
  const SiteAnswer after = Told(site.kept, message);
  const bool hasty = number == 0 && setting_.omission == Omission::kAnswersBeforeItIsDurable;
  hasty ? void(site.kept = after) : Keep(site, after);
  if (after.state == SiteState::kCommitted) Decided(Decision::kCommit, Name(number));
  if (after.state == SiteState::kAborted) Decided(Decision::kAbort, Name(number));
  return after;
}

void World::Take(Lead& lead, BranchNumber number, const SiteAnswer& answer) {
  if (!lead.round->Take(number, answer)) {
    lead.taken[number] = answer;
    return;
  }
  lead.taken.clear();
  lead.sent.push_back(lead.round->message());
  if (const auto decision = lead.round->decision())
    Decided(*decision, "the leader of " + ToString(lead.ballot));
}

void World::Decided(Decision decision, const std::string& by) {
  const Decision other = decision == Decision::kCommit ? Decision::kAbort : Decision::kCommit;
  decided_.try_emplace(decision, by);
  const auto contrary = decided_.find(other);
  if (contrary == decided_.end()) return;
  const bool commits = decision == Decision::kCommit;
  broken_ = by + (commits ? " committed, and " : " aborted, and ") + contrary->second +
            (commits ? " had aborted" : " had committed");
}

std::string World::Describe() const {
  std::string text;
  for (const auto& [number, site] : sites_) {
    if (!text.empty()) text += ", ";
    text += Name(number) + " " + Words(site.kept);
    if (site.kept != site.durable) text += " (durable: " + Words(site.durable) + ")";
  }
  return text;
}

std::string World::Key() const {
  std::string key;
  const auto add_ballot = [&](const Ballot& ballot) {
    key += static_cast<char>(ballot.round);
    key += static_cast<char>(ballot.leader);
  };
  const auto add = [&](const SiteAnswer& at) {
    key += static_cast<char>(at.state);
    add_ballot(at.elected);
    add_ballot(at.accepted);
  };
  for (const auto& [number, site] : sites_) {
    add(site.kept);
    add(site.durable);
    key += site.voted ? 'v' : '-';
  }
  std::vector<const Lead*> leads;  // which was led first makes no difference
  for (const Lead& lead : leads_) leads.push_back(&lead);
  std::stable_sort(leads.begin(), leads.end(),
                   [](const Lead* one, const Lead* other) { return one->ballot < other->ballot; });
  for (const Lead* one : leads) {
    const Lead& lead = *one;
    key += '|';
    add_ballot(lead.ballot);
    for (const PeerMessage& message : lead.sent) key += static_cast<char>(message.verb);
    key += lead.round ? '+' : '-';
    if (lead.round) {
      for (const BranchNumber number : lead.round->Unanswered()) key += static_cast<char>(number);
    }
    for (const auto& [number, answer] : lead.taken) {
      key += '!';
      key += static_cast<char>(number);
      add(answer);
    }
  }
  key += static_cast<char>((pre_committed_ ? 1 : 0) + (aborted_alone_ ? 2 : 0) +
                           (coordinator_crashed_ ? 4 : 0) +
                           (decided_.contains(Decision::kCommit) ? 8 : 0) +
                           (decided_.contains(Decision::kAbort) ? 16 : 0));
  return key;
}

std::string World::WaitsAlone(BranchNumber number) const {
  SiteAnswer at = sites_.at(number).durable;
  if (at.state == SiteState::kInitial || IsFinal(at.state)) return "";
  Round round(roster_, {100, number});
  do {
    at = After(at, round.message());
  } while (round.Take(number, at));
  return round.decision() ? Name(number) + " decides alone" : "";
}

std::string World::EndsAmong(const std::vector<BranchNumber>& connected) const {
  std::map<BranchNumber, SiteAnswer> sites;
  for (const BranchNumber number : connected) sites[number] = sites_.at(number).durable;
  Round round(roster_, {100, connected.front()});
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [number, at] : sites) {
      at = After(at, round.message());
      moved = round.Take(number, at) || moved;
    }
  }
  if (!round.decision()) return "they do not decide";
  const bool commit = *round.decision() == Decision::kCommit;
  if (decided_.contains(commit ? Decision::kAbort : Decision::kCommit))
    return commit ? "they commit, and it was aborted" : "they abort, and it was committed";
  for (const auto& [number, at] : sites) {
    if (at.state != (commit ? SiteState::kCommitted : SiteState::kAborted))
      return Name(number) + " is " + Words(at);
  }
  return "";
}

}  // namespace settle::quorum
