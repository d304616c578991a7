// The coordinator in the simulated world: the engine, the inquiry and the replay that ship, over a
// simulated log and clock. It crashes at any moment between two events and starts again from its
// disk; it can be frozen, as by SIGSTOP, and its shards can be kept from running.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
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
  // Of what is not synced in the log the first `survived` records stay, or as many as chance wants.
  void Crash(std::optional<std::size_t> survived = std::nullopt);
  bool up() const { return life_ != nullptr; }
  Engine& engine() { return life_->engine; }
  Inquiry& inquiry() { return life_->inquiry; }
  const SimulatedLog& log() const { return life_->log; }
  const Disk& disk() const { return disk_; }
  World& world() { return world_; }
  Epoch epoch() const { return life_->log.identity().epoch; }
  const Settings& settings() const { return settings_; }
  // There was a later life than this one: its log was restored from an older copy.
  bool runs_on_an_older_copy() const { return epoch() < highest_epoch_; }
  std::function<void()> when_it_ends_itself;
  std::function<void()> when_it_starts;

  // While it is frozen nothing of it runs; what arrives waits.
  void Freeze();
  void Thaw();
  bool frozen() const { return frozen_; }
  // Its shards do not get to run until then; calls go on filling their mailboxes.
  void StallUntil(Instant until) { stalled_until_ = until; }

  // Something arrives over the network. Nothing happens if the coordinator is down.
  void Arrive(const std::function<void(Engine&, Inquiry&)>& call);
  // Runs the shards until they have nothing to do, and again when their next timer is due.
  void Pump();

  // It gave out `gtid`. False: not for the first time.
  bool GivesOut(const Gtid& gtid) { return given_out_.insert(gtid).second; }

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

  // After `delay`, in this life, and once it is not frozen.
  SimulatedLog::Later LaterIn(std::shared_ptr<bool> alive);
  void Run(const std::function<void()>& task);
  void PumpAt(Instant at);
  void PumpSoon();

  Instant Now() const override { return world_.now(); }
  WallTime WallNow() const override { return world_.wall(); }
  std::uint32_t Tail() override { return static_cast<std::uint32_t>(world_.Pick(0xFFFFFFFF)); }
  std::string SessionName() override { return "session-" + std::to_string(++sessions_); }
  double Jitter() override { return world_.Chance(); }
  void Event(Level level, const About& about, std::string_view what) override;
  [[noreturn]] void Fatal(std::string_view why) override;

  World& world_;
  Disk& disk_;
  const Settings settings_;
  const AroundLog around_log_;
  std::unique_ptr<Life> life_;
  bool pumping_ = false;
  bool frozen_ = false;
  Instant stalled_until_{};
  std::deque<std::function<void()>> waiting_;  // until it is not frozen any more
  Epoch highest_epoch_ = 0;
  std::uint64_t sessions_ = 0;
  std::unordered_set<Gtid> given_out_;
};

}  // namespace settle::simulation
