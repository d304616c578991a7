#include "participant/participant.h"

#include <algorithm>
#include <utility>

#include "action/desk.h"
#include "participant/about_words.h"
#include "participant/resource_calls.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {
// For what was decided and handed over when the program ends.
constexpr milliseconds kStopPatience{1'000};

std::vector<std::shared_ptr<Barrier>> BarriersOf(const Participant::Actors& actors) {
  std::vector<std::shared_ptr<Barrier>> distinct;
  for (const std::shared_ptr<ActionParticipant>& actor : actors) {
    for (std::shared_ptr<Barrier>& barrier : actor->desk().barriers()) {
      if (std::find(distinct.begin(), distinct.end(), barrier) == distinct.end()) {
        distinct.push_back(std::move(barrier));
      }
    }
  }
  return distinct;
}

std::vector<std::shared_ptr<Resource>> ResourcesOf(const std::vector<OwnResource>& own) {
  std::vector<std::shared_ptr<Resource>> resources;
  for (const OwnResource& one : own) resources.push_back(one.resource);
  return resources;
}

}  // namespace

Participant::Participant(std::vector<OwnResource> resources, int workers_per_resource,
                         Actors actors, Warn warn)
    : resources_(std::move(resources)),
      actors_(std::move(actors)),
      warn_(std::move(warn)),
      sites_(ResourcesOf(resources_)),
      pruner_(BarriersOf(actors_), sites_.ledgers(), warn_),
      questions_(ResourcesOf(resources_), outbox_) {
  for (const OwnResource& own : resources_) {
    desks_.emplace(own.resource->name(),
                   Desk{own, std::make_unique<Workers>(workers_per_resource)});
  }
}

Participant::~Participant() { Stop(); }

void Participant::Stop() {
  const Instant began = std::chrono::steady_clock::now();
  const Instant until = began + kStopPatience;
  if (rounds_ != nullptr) rounds_->Stop();
  for (auto& [name, desk] : desks_) desk.workers->Stop(until);
  for (const std::shared_ptr<ActionParticipant>& actor : actors_) {
    actor->desk().Leave(outbox_, began);
  }
  pruner_.Stop();
  questions_.Stop();
}

Status Participant::Meet(const Hello& hello) {
  Steps steps;
  std::string other;
  {
    std::lock_guard lock(mutex_);
    Result<Steps> met = table_.Meet(hello.log_id, hello.epoch);
    if (!met) return Fail(std::move(met).error());
    steps = *std::move(met);
    if (log_id_ != hello.log_id) other = std::exchange(log_id_, hello.log_id);
  }
  if (!other.empty()) {
    warn_("the coordinator now keeps log " + hello.log_id + " instead of " + other +
          ": branches that were prepared for the old one are left as they are, until a "
          "coordinator with that log answers for them or an operator settles them");
  }
  Perform(std::move(steps));
  return {};
}

Status Participant::Attach(const Attached& attached) {
  if (Status met = Meet({attached.log_id, attached.epoch, {}}); !met) return met;
  Steps steps;
  {
    std::lock_guard lock(mutex_);
    steps = table_.Attach(attached.session, attached.log_id);
    session_ = attached.session;
    changed_.notify_all();
  }
  Perform(std::move(steps));
  return {};
}

void Participant::Detached() {
  std::lock_guard lock(mutex_);
  session_.clear();
}

std::string Participant::log_id() const {
  std::lock_guard lock(mutex_);
  return log_id_;
}

Epoch Participant::epoch() const {
  std::lock_guard lock(mutex_);
  return table_.HighestEpoch(log_id_);
}

Epoch Participant::HighestEpoch(const std::string& log_id) const {
  std::lock_guard lock(mutex_);
  return table_.HighestEpoch(log_id);
}

SessionId Participant::session() const {
  std::lock_guard lock(mutex_);
  return session_;
}

SessionId Participant::AwaitSession(const SessionId& not_this, Instant until) const {
  std::unique_lock lock(mutex_);
  const auto other = [&] { return !session_.empty() && session_ != not_this; };
  return changed_.wait_until(lock, until, other) ? session_ : SessionId();
}

void Participant::Carry(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    const bool all_own = command.key.number == 0;
    if (!all_own && desks_.find(command.resource) == desks_.end()) {
      RefuseUnserved(command);
      continue;
    }
    Steps steps;
    std::string refused;
    {
      std::lock_guard lock(mutex_);
      Result<Steps> wanted = table_.Handle(command);
      if (wanted) {
        steps = *std::move(wanted);
      } else {
        refused = Describe(wanted.error());
      }
    }
    Perform(std::move(steps));
    if (refused.empty()) {
      if (!all_own) CarryToSite(command);
    } else {
      warn_(AboutWords(command.key.gtid, command.trace_parent) + refused);
    }
  }
}

void Participant::Carry(std::vector<ActionCall> calls) {
  for (ActionCall& call : calls) {
    Steps steps;
    std::string refused;
    {
      std::lock_guard lock(mutex_);
      Result<Steps> heeded =
          table_.Heed(call.key.gtid, call.epoch, std::string(ToString(call.op)) + " a step");
      if (heeded) {
        steps = *std::move(heeded);
      } else {
        refused = Describe(heeded.error());
      }
    }
    Perform(std::move(steps));
    if (!refused.empty()) {
      warn_(AboutWords(call.key.gtid, call.trace_parent) + refused);
      continue;
    }
    const auto actor = std::find_if(actors_.begin(), actors_.end(), [&](const auto& known) {
      return known->name() == call.participant;
    });
    if (actor != actors_.end()) {
      (*actor)->desk().Take(std::move(call), outbox_);
    } else {
      outbox_.Add(ActionAnswer{call.key, call.op, call.attempt,
                               Unknown("this process serves no participant named \"" +
                                       Escaped(call.participant) + "\"")});
    }
  }
}

void Participant::RefuseUnserved(const Command& command) {
  const std::string why =
      "this process does not serve a resource named \"" + Escaped(command.resource) + "\"";
  switch (command.kind) {
    case CommandKind::kPrepare:
      outbox_.Add(VoteReport{command.key, {Vote::kNo, {}, why, false}});
      return;
    case CommandKind::kCommit:
    case CommandKind::kAbort:
    case CommandKind::kProve: outbox_.Add(EndReport{command.key, {BranchEnd::kRetry, why}}); return;
    case CommandKind::kElect:
    case CommandKind::kPreCommit:
    case CommandKind::kPreAbort:
      return warn_(AboutWords(command.key.gtid, command.trace_parent) + why);
  }
}

bool Participant::Adopt(const BranchKey& key, const std::string& resource, const SessionId& session,
                        const std::string& trace_parent) {
  std::lock_guard lock(mutex_);
  return table_.Adopt(key, resource, session, trace_parent);
}

bool Participant::Hold(const BranchKey& key, std::shared_ptr<Branch> branch) {
  std::lock_guard lock(mutex_);
  if (table_.StateOf(key) != BranchState::kWorking) return false;
  handles_.insert_or_assign(key, std::move(branch));
  return true;
}

bool Participant::Tell(const BranchKey& key, const BranchEvent& event, Pace pace) {
  return Advance(
      key, [&] { return table_.Handle(key, event); }, pace);
}

bool Participant::Advance(const BranchKey& key, const std::function<Steps()>& handle, Pace pace) {
  Steps steps;
  std::shared_ptr<Branch> done_with;  // let go outside the lock: that may end a connection
  {
    std::lock_guard lock(mutex_);
    steps = handle();
    const BranchState state = table_.StateOf(key);
    if (state == BranchState::kEnded || state == BranchState::kUnknown) {
      if (auto found = handles_.find(key); found != handles_.end()) {
        done_with = std::move(found->second);
        handles_.erase(found);
      }
      changed_.notify_all();
    }
  }
  bool proceed = false;
  for (const Step& step : steps) {
    proceed = proceed || std::holds_alternative<effect::Proceed>(step.effect);
  }
  Perform(std::move(steps), pace);
  return proceed;
}

BranchState Participant::StateOf(const BranchKey& key) const {
  std::lock_guard lock(mutex_);
  return table_.StateOf(key);
}

std::optional<FinishResult> Participant::EndOf(const BranchKey& key) const {
  std::lock_guard lock(mutex_);
  return table_.EndOf(key);
}

std::optional<FinishResult> Participant::AwaitEnd(const BranchKey& key, Instant until) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [&] { return table_.EndOf(key).has_value(); });
  return table_.EndOf(key);
}

std::shared_ptr<Branch> Participant::HandleOf(const BranchKey& key) const {
  std::lock_guard lock(mutex_);
  const auto found = handles_.find(key);
  return found == handles_.end() ? nullptr : found->second;
}

void Participant::Perform(Steps steps, Pace pace) {
  for (Step& step : steps) {
    if (const auto* vote = std::get_if<effect::ReportVote>(&step.effect)) {
      outbox_.Add(VoteReport{step.key, vote->vote});
    } else if (const auto* end = std::get_if<effect::ReportEnd>(&step.effect)) {
      outbox_.Add(EndReport{step.key, end->end}, pace);
    } else if (!std::holds_alternative<effect::Proceed>(step.effect)) {
      Post(step);
    }
  }
}

void Participant::Scan() {
  for (auto& [name, desk] : desks_) {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(desk.scanning, true)) continue;
    }
    desk.workers->Post([this, name = name] { RunScan(name); });
  }
}

void Participant::RunScan(const std::string& name) {
  Desk& desk = desks_.at(name);
  std::uint64_t ended_before = 0;
  bool unfinished = false;
  {
    std::lock_guard lock(mutex_);
    ended_before = table_.ended_count();
    unfinished = std::exchange(desk.unfinished, false);
  }
  const Result<std::vector<std::string>> names = ScanPrepared(*desk.own.resource);
  bool first_failure = false;
  std::vector<std::string> found;
  bool in_touch = false;
  {
    std::lock_guard lock(mutex_);
    desk.scanning = false;
    first_failure = !names && !desk.scan_failed;
    desk.scan_failed = !names;
    desk.unfinished = desk.unfinished || (!names && unfinished);
    in_touch = in_touch_;
    // A scan that failed half way counts for nothing.
    for (std::size_t i = 0; names && i < names->size(); ++i) {
      const Result<BranchKey> key = BranchKey::ParseDatabaseName((*names)[i]);
      if (!key || table_.Found(*key, ended_before)) found.push_back((*names)[i]);
    }
  }
  for (const std::string& branch : found) {
    const Result<BranchKey> key = BranchKey::ParseDatabaseName(branch);
    if (key && IsLeftToSites(*key, name)) continue;
    // The coordinator that comes back has everything looked for anew.
    SETTLE_FAILPOINT("participant.found");
    if (!in_touch) continue;
    // The coordinator may have no record of one that is prepared in the name of a last resource.
    const bool named = LastResourceIn(branch).has_value();
    const std::optional<Evidence> evidence =
        named ? EvidenceOf(*desk.own.resource, branch) : Evidence{};
    if (evidence) outbox_.Add(FoundBranch{name, branch, *evidence});
  }
  if (first_failure) {
    warn_("cannot look for prepared branches in " + name + ": " + Describe(names.error()));
  }
}

}  // namespace settle::sdk
