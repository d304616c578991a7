#include "simulation/simulated_ledger.h"

#include <utility>

namespace settle::simulation {
namespace {

tl::unexpected<Error> Unreachable(const std::string& name) {
  return Fail(ErrorCode::kUnavailable, "the connection to " + name + " was lost");
}

}  // namespace

SimulatedLedger::SimulatedLedger(World& world, SimulatedDatabase& database)
    : world_(world), database_(database) {
  database.when_it_flushes = [this] { durable_ = written_; };
  database.when_it_crashes = [this] { Crash(); };
}

void SimulatedLedger::Crash() {
  if (written_ != durable_) world_.Count(Fault::kRecordLost);
  written_ = durable_;
}

bool SimulatedLedger::IsPrepared(const BranchKey& key) const { return database_.IsPrepared(key); }

// The row says that it voted only lazily; that the branch is prepared says so too.
std::optional<SiteRecord> SimulatedLedger::Show(const BranchKey& key) const {
  const auto found = written_.find(key);
  if (found == written_.end()) return std::nullopt;
  SiteRecord record = found->second;
  if (record.at.state == SiteState::kInitial && IsPrepared(key))
    record.at.state = SiteState::kWaiting;
  return record;
}

SimulatedLedger::Records SimulatedLedger::Shown() const {
  Records shown;
  for (const auto& [key, record] : written_) shown.emplace(key, *Show(key));
  return shown;
}

bool SimulatedLedger::Holds(const BranchKey& key, const SiteAnswer& at) const {
  const auto found = durable_.find(key);
  const SiteAnswer durable = found == durable_.end() ? SiteAnswer() : found->second.at;
  return at.elected <= durable.elected && at.accepted <= durable.accepted;
}

Result<std::optional<SiteRecord>> SimulatedLedger::Find(const BranchKey& key) {
  if (!database_.up()) return Unreachable(database_.name());
  return Show(key);
}

Result<bool> SimulatedLedger::Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                                  const SiteRecord& after, Durability durability) {
  if (meanwhile && !interrupted_) {
    interrupted_ = true;
    meanwhile(key);
    interrupted_ = false;
  }
  if (!database_.up()) return Unreachable(database_.name());
  if (Show(key) != before) {
    world_.Count(Fault::kRecordChanged);
    return false;
  }
  written_[key] = after;
  const bool forced = durability == Durability::kForce;
  if (forced) durable_ = written_;
  world_.Effect(database_.name(), forced ? "forces " : "writes ", key.DatabaseName(), " ",
                ToString(after.at.state), ", elected ", ToString(after.at.elected), ", accepted ",
                ToString(after.at.accepted));
  if (when_written) when_written(key, after);
  if (!database_.up()) return Unreachable(database_.name());
  if (world_.Strikes(world_.roughness.finish_lost, Fault::kRecordReplyLost))
    return Unreachable(database_.name());
  return true;
}

bool SimulatedLedger::Begin(const BranchKey& key, const SiteRecord& record) {
  if (!database_.up() || written_.contains(key)) return false;
  written_[key] = record;
  world_.Effect(database_.name(), "writes ", key.DatabaseName(), " before its vote");
  return database_.up();
}

bool SimulatedLedger::Vote(const BranchKey& key) {
  const auto found = written_.find(key);
  if (!database_.up() || found == written_.end()) return false;
  // Prepared and elected meanwhile: it has joined as one that waits, and still does.
  if (found->second.at.state != SiteState::kInitial) return !IsFinal(found->second.at.state);
  found->second.at.state = SiteState::kWaiting;
  world_.Effect(database_.name(), "writes ", key.DatabaseName(), " waiting");
  return database_.up();
}

}  // namespace settle::simulation
