// A decision log on a simulated disk: group commit with a delay, crashes that lose what was not
// flushed or tear the group that was being flushed, and a disk that can be full.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log/decision_log.h"
#include "simulation/world.h"

namespace settle::simulation {

using namespace coordinator;

// What survives a crash.
struct Disk {
  std::string log_id;
  Epoch epoch = 0;
  std::vector<Record> records;
};

class SimulatedLog : public DecisionLog {
 public:
  // `alive` turns false when the coordinator that uses this log crashes. `flushed` runs after
  // completions.
  SimulatedLog(World& world, Disk& disk, std::shared_ptr<bool> alive,
               std::function<void()> flushed);
  ~SimulatedLog() override;

  const LogIdentity& identity() const override { return identity_; }
  Status Replay(const std::function<void(std::uint64_t, Record)>& visit) override;
  void Append(Record record, Durability durability, AppendDone done) override;
  Result<std::optional<TransactionSummary>> FindEnded(const Gtid& gtid) const override;
  Result<EndedPage> ListEnded(std::size_t, const std::string&) const override {
    return EndedPage{};
  }
  LogTotals totals() const override { return {}; }

  // Records of the group that is being flushed: a crash may keep the first so many of them.
  std::size_t flushing() const { return flushing_.size(); }

  // The coordinator dies now: what was not flushed is gone, except for a torn part of the group:
  // its first `survived` records, or left to chance.
  void Crash(std::optional<std::size_t> survived);

 private:
  struct Pending {
    Record record;
    AppendDone done;
  };
  void StartFlush();
  void FinishFlush();

  World& world_;
  Disk& disk_;
  std::shared_ptr<bool> alive_;
  const std::function<void()> flushed_;
  LogIdentity identity_;
  std::vector<Pending> queue_;
  std::vector<Pending> flushing_;
};

}  // namespace settle::simulation
