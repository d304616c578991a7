#include "simulation/coordinator_node.h"

#include <algorithm>

#include "engine/shard.h"
#include "recovery/replay.h"

namespace settle::simulation {

Settings ShrunkenSettings() {
  Settings settings;
  settings.shards = 2;
  settings.mailbox_max = 8;
  settings.transaction_timeout = std::chrono::milliseconds(120);
  settings.vote_timeout = std::chrono::milliseconds(60);
  settings.commit_wait = std::chrono::milliseconds(150);
  settings.retry_first = std::chrono::milliseconds(10);
  settings.retry_max = std::chrono::milliseconds(200);
  settings.session_timeout = std::chrono::milliseconds(300);
  settings.call_timeout = std::chrono::milliseconds(30);
  return settings;
}

CoordinatorNode::Life::Life(CoordinatorNode& node, World& world, Disk& disk)
    : log(world, disk, node.LaterIn(alive)),
      around(node.around_log_ ? node.around_log_(log) : nullptr),
      seen(around ? *around : log),
      engine(node.settings_, seen, node, node, node),
      inquiry(engine, seen, node, node, [later = node.LaterIn(alive)](std::function<void()> task) {
        later(microseconds(200), std::move(task));
      }) {}

SimulatedLog::Later CoordinatorNode::LaterIn(std::shared_ptr<bool> alive) {
  return [this, alive = std::move(alive)](microseconds delay, std::function<void()> task) {
    world_.After(delay, [this, alive, task = std::move(task)] {
      if (!*alive) return;
      if (!frozen_) return Run(task);
      waiting_.push_back([this, alive, task] {
        if (*alive) Run(task);
      });
    });
  };
}

void CoordinatorNode::Run(const std::function<void()>& task) {
  try {
    task();
  } catch (const LogFailed&) {
    Crash();
    if (when_it_ends_itself) when_it_ends_itself();
    return;
  }
  PumpSoon();
}

void CoordinatorNode::Start() {
  if (when_it_starts) when_it_starts();
  life_ = std::make_unique<Life>(*this, world_, disk_);
  highest_epoch_ = std::max(highest_epoch_, epoch());
  world_.Effect("coordinator", "raises the epoch to ", std::to_string(disk_.epoch));
  auto state = ReplayLog(life_->seen);
  life_->engine.Restore(*std::move(state));
  Pump();
}

void CoordinatorNode::Crash(std::optional<std::size_t> survived) {
  world_.Say("---- coordinator crashes ----");
  *life_->alive = false;
  life_->log.Crash(survived);
  life_.reset();
  pumping_ = false;
  frozen_ = false;
  waiting_.clear();
}

void CoordinatorNode::Freeze() {
  world_.Say("---- coordinator frozen ----");
  frozen_ = true;
}

void CoordinatorNode::Thaw() {
  if (!frozen_) return;
  world_.Say("---- coordinator goes on ----");
  frozen_ = false;
  // Its threads and the calls that came meanwhile race.
  if (world_.Happens(0.5)) Pump();
  const std::deque<std::function<void()>> waited = std::exchange(waiting_, {});
  for (const std::function<void()>& one : waited) one();
  Pump();
}

void CoordinatorNode::Arrive(const std::function<void(Engine&, Inquiry&)>& call) {
  if (!up()) return;
  if (frozen_) {
    waiting_.push_back([this, call, alive = life_->alive] {
      if (*alive) Arrive(call);
    });
    return;
  }
  call(life_->engine, life_->inquiry);
  PumpSoon();
}

void CoordinatorNode::PumpSoon() {
  const bool at_once = world_.roughness.coordinator_lag.count() == 0 || world_.healed;
  if (at_once) return Pump();
  PumpAt(world_.now() + world_.UpTo(world_.roughness.coordinator_lag));
}

void CoordinatorNode::PumpAt(Instant at) {
  if (life_->wake && *life_->wake <= at && *life_->wake > world_.now()) return;
  life_->wake = at;
  const auto delay = std::chrono::duration_cast<microseconds>(at - world_.now()) + microseconds(1);
  world_.After(std::max(delay, microseconds(1)), [this, alive = life_->alive] {
    if (*alive) Pump();
  });
}

void CoordinatorNode::Pump() {
  if (!up() || pumping_ || frozen_) return;
  if (world_.now() < stalled_until_ && !world_.healed) return PumpAt(stalled_until_);
  pumping_ = true;
  Instant next = Instant::max();
  bool busy = true;
  while (busy) {
    busy = false;
    next = Instant::max();
    for (const auto& shard : life_->engine.shards())
      next = std::min(next, shard->RunReady().value_or(Instant::max()));
    for (const auto& shard : life_->engine.shards()) busy = busy || !shard->mailbox().empty();
  }
  pumping_ = false;
  if (next != Instant::max()) PumpAt(next);
}

void CoordinatorNode::Event(Level, const About& about, std::string_view what) {
  if (what.find("queue of commands is full") != std::string_view::npos)
    world_.Count(Fault::kCommandQueueFull);
  if (what.find("prepared in the name of") != std::string_view::npos)
    world_.Count(Fault::kLastResourceWithoutRecord);
  world_.Say("coordinator notes: ", about.gtid.text(), about.gtid.empty() ? "" : " ", what);
}

void CoordinatorNode::Fatal(std::string_view why) {
  world_.Say("coordinator ends itself: ", why);
  throw LogFailed();
}

}  // namespace settle::simulation
