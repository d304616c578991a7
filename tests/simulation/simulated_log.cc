#include "simulation/simulated_log.h"

#include <utility>

#include "protocol/describe.h"

namespace settle::simulation {

SimulatedLog::SimulatedLog(World& world, Disk& disk, std::shared_ptr<bool> alive,
                           std::function<void()> flushed)
    : world_(world), disk_(disk), alive_(std::move(alive)), flushed_(std::move(flushed)) {
  identity_ = {disk_.log_id, ++disk_.epoch};
}

SimulatedLog::~SimulatedLog() = default;

Status SimulatedLog::Replay(const std::function<void(std::uint64_t, Record)>& visit) {
  for (std::size_t i = 0; i < disk_.records.size(); ++i) visit(i + 1, disk_.records[i]);
  return {};
}

void SimulatedLog::Append(Record record, Durability durability, AppendDone done) {
  if (durability == Durability::kForce && world_.Strikes(world_.roughness.disk_full, "disk full")) {
    world_.After(microseconds(100), [this, alive = alive_, done = std::move(done)] {
      if (!*alive) return;
      done(AppendResult::kRefused, "no space left on the simulated disk");
      flushed_();
    });
    return;
  }
  const std::string what = world_.script == nullptr ? "" : Describe(record);
  queue_.push_back({std::move(record), std::move(done)});
  if (flushing_.empty()) StartFlush();
  world_.Effect("coordinator", "appends ", what);
}

void SimulatedLog::StartFlush() {
  flushing_ = std::exchange(queue_, {});
  world_.After(microseconds(100) + world_.UpTo(microseconds(2000)), [this, alive = alive_] {
    if (*alive) FinishFlush();
  });
}

void SimulatedLog::FinishFlush() {
  std::vector<Pending> flushed = std::exchange(flushing_, {});
  for (const Pending& one : flushed) disk_.records.push_back(one.record);
  if (world_.script != nullptr) {
    world_.Effect("coordinator", "has made durable ", Describe(flushed.front().record),
                  flushed.size() == 1 ? "" : " and what came with it");
  }
  if (!queue_.empty()) StartFlush();
  for (const Pending& one : flushed) one.done(AppendResult::kDurable, "");
  flushed_();
}

void SimulatedLog::Crash(std::optional<std::size_t> survived) {
  if (flushing_.empty()) return;
  if (!survived &&
      world_.Strikes(world_.roughness.torn_group, "group survived the crash unanswered")) {
    survived = world_.Pick(flushing_.size() + 1);
  }
  if (survived) {
    for (std::size_t i = 0; i < *survived; ++i) disk_.records.push_back(flushing_[i].record);
  } else {
    world_.Count("group lost in the crash");
  }
}

Result<std::optional<TransactionSummary>> SimulatedLog::FindEnded(const Gtid& gtid) const {
  for (const Record& record : disk_.records) {
    const auto* end = std::get_if<EndRecord>(&record);
    if (end != nullptr && end->summary.gtid == gtid) return end->summary;
  }
  return std::optional<TransactionSummary>();
}

}  // namespace settle::simulation
