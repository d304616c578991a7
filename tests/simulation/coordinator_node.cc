#include "simulation/coordinator_node.h"

#include <cstdlib>

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
  return settings;
}

CoordinatorNode::Life::Life(CoordinatorNode& node, World& world, Disk& disk)
    : log(world, disk, alive, [&node] { node.Pump(); }),
      around(node.around_log_ ? node.around_log_(log) : nullptr),
      seen(around ? *around : log),
      engine(node.settings_, seen, node, node, node),
      inquiry(engine, seen, node, node, [&world, &node, alive = alive](std::function<void()> task) {
        world.After(microseconds(200), [&node, alive, task = std::move(task)] {
          if (!*alive) return;
          task();
          node.Pump();
        });
      }) {}

void CoordinatorNode::Start() {
  life_ = std::make_unique<Life>(*this, world_, disk_);
  world_.Say("coordinator starts, epoch " + std::to_string(disk_.epoch));
  world_.Effect("coordinator", "raises the epoch to ", std::to_string(disk_.epoch));
  auto state = ReplayLog(life_->seen);
  life_->engine.Restore(*std::move(state));
  Pump();
}

void CoordinatorNode::Crash(std::optional<std::size_t> survived) {
  world_.Say("coordinator crashes");
  *life_->alive = false;
  life_->log.Crash(survived);
  life_.reset();
  pumping_ = false;
}

void CoordinatorNode::Arrive(const std::function<void(Engine&, Inquiry&)>& call) {
  if (!up()) return;
  call(life_->engine, life_->inquiry);
  Pump();
}

void CoordinatorNode::Pump() {
  if (!up() || pumping_) return;
  pumping_ = true;
  std::optional<Instant> next;
  bool busy = true;
  while (busy) {
    busy = false;
    next.reset();
    for (const auto& shard : life_->engine.shards()) {
      const std::optional<Instant> due = shard->RunReady();
      if (due && (!next || *due < *next)) next = due;
    }
    for (const auto& shard : life_->engine.shards()) busy = busy || !shard->mailbox().empty();
  }
  pumping_ = false;
  if (!next || (life_->wake && *life_->wake <= *next && *life_->wake > world_.now())) return;
  life_->wake = next;
  const auto delay =
      std::chrono::duration_cast<microseconds>(*next - world_.now()) + microseconds(1);
  world_.After(std::max(delay, microseconds(1)), [this, alive = life_->alive] {
    if (*alive) Pump();
  });
}

void CoordinatorNode::Event(Level, const Gtid& gtid, std::string_view what) {
  world_.Say("coordinator: " + gtid.text() + " " + std::string(what));
}

void CoordinatorNode::Fatal(std::string_view why) {
  world_.Say("coordinator: fatal: " + std::string(why));
  std::abort();  // the simulated log never says "unknown"; a crash is simulated by Crash()
}

}  // namespace settle::simulation
