#include "simulation/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace settle::simulation {

World::World(std::uint64_t seed, Telling telling)
    : random_(seed * 0x9E3779B97F4A7C15ULL + 1), telling_(telling) {
  now_ += std::chrono::hours(1000);  // an ordinary instant, so that "zero" is recognisable
  wall_offset = microseconds(1'700'000'000'000'000);
  DrawRoughness();
}

void World::DrawRoughness() {
  const auto sometimes = [&](double often, double most) {
    return Happens(often) ? Chance() * most : 0.0;
  };
  const auto every = [&](double often, int least_ms, int most_ms) {
    if (!Happens(often)) return microseconds(0);
    const auto range = static_cast<std::uint64_t>(1000 * (most_ms - least_ms));
    return microseconds(1000 * least_ms + static_cast<int>(Pick(range)));
  };
  roughness.loss = sometimes(0.5, 0.15);
  roughness.duplication = sometimes(0.5, 0.15);
  roughness.delay_max = microseconds(Happens(0.5) ? 500 : 20'000);
  roughness.flush_max = microseconds(Happens(0.7) ? 2'000 : 15'000);
  roughness.disk_full = sometimes(0.3, 0.1);
  roughness.log_failure = sometimes(0.15, 0.05);
  roughness.torn_group = 0.7;
  roughness.finish_lost = sometimes(0.5, 0.1);
  roughness.scan_failure = sometimes(0.3, 0.5);
  roughness.operator_hand = Happens(0.15) ? 0.05 : 0.0;
  roughness.operator_acts = sometimes(0.4, 0.05);
  roughness.late_branch = Happens(0.3) ? 0.1 : 0.0;
  roughness.gives_up = Happens(0.3) ? 0.2 : 0.0;
  roughness.quantum = microseconds(Happens(0.8) ? 1 : 2'000);
  roughness.coordinator_lag = microseconds(Happens(0.5) ? 0 : Pick(1'000));
  roughness.coordinator_life = every(0.6, 20, 500);
  roughness.coordinator_freeze_every = every(0.15, 200, 800);
  roughness.coordinator_stall_every = every(0.2, 50, 300);
  roughness.older_copy_every = every(0.06, 100, 400);
  roughness.process_life = every(0.6, 20, 800);
  roughness.process_freeze_every = every(0.2, 100, 600);
  roughness.partition_every = every(0.5, 50, 500);
  roughness.database_life = every(0.2, 100, 600);
  roughness.fail_over_every = every(0.1, 200, 800);
  roughness.disk_full_every = every(0.15, 100, 500);
  roughness.clock_jump_every = every(0.2, 50, 400);
  roughness.dead_for_good = Happens(0.1);
  if (Happens(0.2)) {
    // An older log or database would bring back what has been pruned: that is nobody's but a
    // person's.
    roughness.keep_ended = Pick(4);
    roughness.fail_over_every = microseconds(0);
    roughness.older_copy_every = microseconds(0);
  }
}

std::uint64_t World::Draw() {
  std::uint64_t z = (random_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

void World::After(microseconds delay, std::function<void()> run) {
  const auto quantum = roughness.quantum.count();
  const microseconds rounded((delay.count() + quantum - 1) / quantum * quantum);
  due_.push_back({now_ + rounded, ++order_, std::move(run)});
  std::push_heap(due_.begin(), due_.end());
}

bool World::Step() {
  if (due_.empty()) return false;
  std::pop_heap(due_.begin(), due_.end());
  const Due next = std::move(due_.back());
  due_.pop_back();
  now_ = next.at;
  ++events_;
  next.run();
  return true;
}

bool World::Strikes(double probability, Fault kind) {
  if (script != nullptr) {
    if (!script->Strikes(ToString(kind))) return false;
  } else if (healed || !Happens(probability)) {
    return false;
  }
  Count(kind);
  return true;
}

const std::string& Way::from() const {
  static const std::string kCoordinator = "coordinator";
  return !peer.empty() || direction == Direction::kToCoordinator ? process : kCoordinator;
}

const std::string& Way::to() const {
  static const std::string kCoordinator = "coordinator";
  if (!peer.empty()) return peer;
  return direction == Direction::kToCoordinator ? kCoordinator : process;
}

bool World::Severed(const std::string& from, const std::string& to) const {
  if (!cut || cut->side.contains(from) == cut->side.contains(to)) return false;
  return !cut->one_way || cut->side.contains(from);
}

bool World::CutOff(const Way& way) {
  if (cut && Severed(way.from(), way.to())) {
    Count(cut->one_way ? Fault::kSeveredOneWay : Fault::kSevered);
    return true;
  }
  if (!partition || healed) return false;
  if (partition->direction && (!way.peer.empty() || *partition->direction != way.direction))
    return false;
  if (!way.peer.empty() && partition->process != way.process && partition->process != way.peer)
    return false;
  if (way.peer.empty() && !partition->process.empty() && partition->process != way.process)
    return false;
  Count(partition->kind);
  return true;
}

void World::SendAloud(Way& way, std::string what, std::function<void()> deliver) {
  Message message{way.from(), way.to(), std::move(what)};
  if (script != nullptr) {
    if (!script->Loses(message)) After(UpTo(microseconds(500)), std::move(deliver));
    return Effect(message.from, "sends ", message.what, " to ", message.to);
  }
  Say(message.from, " -> ", message.to, ": ", message.what);
  Carry(way, std::move(deliver));
}

void World::Carry(Way& way, std::function<void()> deliver) {
  if (CutOff(way)) return Say("    cut off");
  if (Strikes(roughness.loss, Fault::kMessageLost)) return Say("    lost");
  const microseconds most = healed ? microseconds(500) : roughness.delay_max;
  if (Strikes(roughness.duplication, Fault::kMessageDoubled)) After(UpTo(most), deliver);
  const microseconds delay = UpTo(most);
  if (now_ + delay < way.last_arrival) Count(Fault::kMessageOvertaken);
  way.last_arrival = std::max(way.last_arrival, now_ + delay);
  After(delay, std::move(deliver));
}

void World::Violates(std::string what) {
  Say("VIOLATION: ", what);
  violations_.push_back(std::move(what));
}

void World::Write(const std::string& line) {
  const auto since =
      std::chrono::duration_cast<microseconds>(now_.time_since_epoch()) - std::chrono::hours(1000);
  char at[32];
  std::snprintf(at, sizeof at, "%10.3f ms  ", static_cast<double>(since.count()) / 1000.0);
  transcript_.push_back(at + line);
}

}  // namespace settle::simulation
