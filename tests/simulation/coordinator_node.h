// The coordinator in the simulated world: the engine, the inquiry and the replay that ship, over a
// simulated log and clock. It crashes at any moment between two events and starts again from its
// disk.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "recovery/inquiry.h"
#include "simulation/simulated_log.h"
#include "simulation/world.h"

namespace settle::simulation {

// Deadlines and retries so short that they collide.
Settings ShrunkenSettings();

class CoordinatorNode : private Clock, private Ids, private Observer {
 public:
  // A broken log is tested by putting one around the simulated one.
  using AroundLog = std::function<std::unique_ptr<DecisionLog>(DecisionLog&)>;

  CoordinatorNode(World& world, Disk& disk, Settings settings = ShrunkenSettings(),
                  AroundLog around_log = {})
      : world_(world), disk_(disk), settings_(settings), around_log_(std::move(around_log)) {}

  void Start();
  // What survives of a group that is being flushed: its first `survived` records, or left to chance.
  void Crash(std::optional<std::size_t> survived = std::nullopt);
  bool up() const { return life_ != nullptr; }
  Engine& engine() { return life_->engine; }
  const SimulatedLog& log() const { return life_->log; }

  // Something arrives over the network. Nothing happens if the coordinator is down.
  void Arrive(const std::function<void(Engine&, Inquiry&)>& call);
  // Runs the shards until they have nothing to do, and again when their next timer is due.
  void Pump();

 private:
  struct Life {
    Life(CoordinatorNode& node, World& world, Disk& disk);
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
    SimulatedLog log;
    std::unique_ptr<DecisionLog> around;
    DecisionLog& seen;  // by the engine: what is around the log, or the log itself
    Engine engine;
    Inquiry inquiry;
    std::optional<Instant> wake;
  };

  Instant Now() const override { return world_.now(); }
  WallTime WallNow() const override { return world_.wall(); }
  std::uint32_t Tail() override { return static_cast<std::uint32_t>(world_.Pick(0xFFFFFFFF)); }
  std::string SessionName() override { return "session-" + std::to_string(++sessions_); }
  double Jitter() override { return world_.Chance(); }
  void Event(Level level, const Gtid& gtid, std::string_view what) override;
  [[noreturn]] void Fatal(std::string_view why) override;

  World& world_;
  Disk& disk_;
  const Settings settings_;
  const AroundLog around_log_;
  std::unique_ptr<Life> life_;
  bool pumping_ = false;
  std::uint64_t sessions_ = 0;
};

}  // namespace settle::simulation
