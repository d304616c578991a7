#include "participant/branch_table.h"

#include <algorithm>
#include <utility>

#include "vocabulary/planted_bug.h"

namespace settle::sdk {
namespace {

void Append(Steps& steps, Steps more) {
  steps.insert(steps.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

tl::unexpected<Error> Refused(ErrorCode code, const std::string& what, const Gtid& gtid,
                              const std::string& why) {
  return Fail(code, "refused to " + what + " of " + gtid.text() + ": " + why);
}

}  // namespace

Result<Steps> BranchTable::Meet(const std::string& log_id, Epoch epoch) {
  Epoch& highest = epochs_[log_id];
  if (epoch < highest && !SETTLE_PLANTED_BUG(kEpochIgnored)) {
    return Fail(ErrorCode::kStaleEpoch,
                "the coordinator of log " + log_id + " is at epoch " + std::to_string(epoch) +
                    ", but this process has seen epoch " + std::to_string(highest),
                "its log was restored from an older copy, or an old coordinator still runs: an "
                "operator must look before it may decide anything");
  }
  Steps steps;
  if (epoch == highest) return steps;
  const bool first = highest == 0;
  highest = epoch;
  if (first) return steps;
  std::vector<BranchKey> older;
  for (const auto& [key, entry] : entries_) {
    if (key.gtid.log_id() == log_id && key.gtid.epoch() < epoch) older.push_back(key);
  }
  std::sort(older.begin(), older.end());
  for (const BranchKey& key : older) {
    Append(
        steps,
        Handle(key, event::Forgotten{"the coordinator was restarted and forgot the transaction"}));
  }
  return steps;
}

Steps BranchTable::Attach(const SessionId& session, const std::string& log_id) {
  session_ = session;
  session_log_ = log_id;
  std::vector<BranchKey> older;
  for (const auto& [key, entry] : entries_) {
    if (entry.session != session && !SETTLE_PLANTED_BUG(kWorkKeptAfterTheSessionWasLost))
      older.push_back(key);
  }
  std::sort(older.begin(), older.end());
  Steps steps;
  for (const BranchKey& key : older) {
    Append(
        steps,
        Handle(key, event::Forgotten{"the coordinator lost this process and gave the branch up"}));
  }
  return steps;
}

bool BranchTable::Adopt(const BranchKey& key, const std::string& resource, const SessionId& session,
                        const std::string& trace_parent) {
  if (session != session_ || key.gtid.epoch() < HighestEpoch(std::string(key.gtid.log_id()))) {
    return false;
  }
  if (aborted_.contains(key.gtid) && !SETTLE_PLANTED_BUG(kOpenedAfterTheAbort)) return false;
  return entries_
      .try_emplace(key, Entry{BranchMachine::Opened(), resource, session, 0, trace_parent})
      .second;
}

Result<Steps> BranchTable::Heed(const Gtid& gtid, Epoch epoch, const std::string& what) {
  if (gtid.log_id() != session_log_) {
    return Refused(ErrorCode::kWrongLog, what, gtid, "the coordinator keeps log " + session_log_);
  }
  Result<Steps> steps = Meet(session_log_, epoch);
  if (!steps) return steps;
  if (gtid.epoch() > epoch) {
    return Refused(ErrorCode::kStaleEpoch, what, gtid,
                   "the command is of the earlier epoch " + std::to_string(epoch));
  }
  return steps;
}

Result<Steps> BranchTable::Handle(const Command& command) {
  Result<Steps> steps =
      Heed(command.key.gtid, command.epoch, std::string(ToString(command.kind)) + " a branch");
  if (!steps) return steps;
  if (command.key.number == 0) {
    Append(*steps, AbortOwn(command.key.gtid));
    return steps;
  }
  const event::Commanded commanded{command.kind,
                                   command.evidence,
                                   command.sites,
                                   {command.ballot, command.quorum},
                                   command.prepared};
  Append(*steps, Advance(command.key, commanded, command.resource));
  if (command.trace_parent.empty()) return steps;
  if (const auto found = entries_.find(command.key); found != entries_.end())
    found->second.trace_parent = command.trace_parent;
  return steps;
}

// The coordinator, which was never told their numbers, waits for none of them. One that is about to
// be opened must not be: nobody would ever end it.
Steps BranchTable::AbortOwn(const Gtid& gtid) {
  if (aborted_.insert(gtid).second) aborted_in_order_.push_back(gtid);
  if (aborted_in_order_.size() > ended_kept_) {
    aborted_.erase(aborted_in_order_.front());
    aborted_in_order_.pop_front();
  }
  Steps steps;
  for (BranchNumber number = 1; number <= kOwnBranches; ++number) {
    const BranchKey key{gtid, number};
    const BranchState state = StateOf(key);
    if (state == BranchState::kUnknown || state == BranchState::kEnded) continue;
    Append(steps, Handle(key, event::Commanded{CommandKind::kAbort, {}}));
  }
  return steps;
}

Steps BranchTable::Handle(const BranchKey& key, const BranchEvent& event) {
  return Advance(key, event, {});
}

Steps BranchTable::Handle(const BranchKey& key, const std::string& resource,
                          const event::SitesDecided& decided) {
  return Advance(key, decided, resource);
}

Steps BranchTable::ForgetLeft(const std::string& why) {
  std::vector<BranchKey> left;
  for (const auto& [key, entry] : entries_) {
    if (entry.machine.state() == BranchState::kLeft) left.push_back(key);
  }
  std::sort(left.begin(), left.end());
  Steps steps;
  for (const BranchKey& key : left) Append(steps, Handle(key, event::Forgotten{why}));
  return steps;
}

Steps BranchTable::Advance(const BranchKey& key, const BranchEvent& event,
                           const std::string& resource) {
  auto found = entries_.try_emplace(key, Entry{BranchMachine::Unknown(), resource, {}}).first;
  Entry& entry = found->second;
  const bool ended_before = entry.machine.state() == BranchState::kEnded;
  Steps steps;
  for (BranchEffect& effect : entry.machine.Handle(event)) {
    steps.push_back({key, entry.resource, std::move(effect)});
  }
  if (entry.machine.state() == BranchState::kUnknown) {
    entries_.erase(found);
  } else if (entry.machine.state() == BranchState::kEnded && !ended_before) {
    RememberEnd(key, entry);
  }
  return steps;
}

void BranchTable::RememberEnd(const BranchKey& key, Entry& entry) {
  entry.ended_as = ++ended_count_;
  ended_.push_back(key);
  if (ended_.size() <= ended_kept_) return;
  entries_.erase(ended_.front());
  ended_.pop_front();
}

bool BranchTable::Found(const BranchKey& key, std::uint64_t ended_before) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return true;
  switch (found->second.machine.state()) {
    case BranchState::kUnknown:
    case BranchState::kPrepared: return true;
    case BranchState::kEnded:
      if (found->second.ended_as > ended_before) return false;
      // The database is right and our memory of its end is wrong: commands go to the database from
      // now on.
      entries_.erase(found);
      return true;
    case BranchState::kWorking:
    case BranchState::kLeft:
    case BranchState::kPreparing:
    case BranchState::kFinishing:
    case BranchState::kFencing:
    case BranchState::kAsking:
    case BranchState::kCommitting:
    case BranchState::kProving: return false;
  }
  return false;
}

bool BranchTable::MayBeSite(const BranchKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() || found->second.machine.may_be_site();
}

BranchState BranchTable::StateOf(const BranchKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? BranchState::kUnknown : found->second.machine.state();
}

std::optional<FinishResult> BranchTable::EndOf(const BranchKey& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.machine.state() != BranchState::kEnded) {
    return std::nullopt;
  }
  return found->second.machine.end();
}

std::string BranchTable::TraceParentOf(const BranchKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::string() : found->second.trace_parent;
}

Epoch BranchTable::HighestEpoch(const std::string& log_id) const {
  const auto found = epochs_.find(log_id);
  return found == epochs_.end() ? 0 : found->second;
}

}  // namespace settle::sdk
