#include "simulation/world.h"

#include <cmath>
#include <utility>

namespace settle::simulation {

World::World(std::uint64_t seed) : random_(seed * 0x9E3779B97F4A7C15ULL + 1) {
  now_ += std::chrono::hours(1000);  // an ordinary instant, so that "zero" is recognisable
  const auto sometimes = [&](double most) { return Happens(0.5) ? Chance() * most : 0.0; };
  const auto life = [&](int least_ms, int most_ms) {
    if (Happens(0.3)) return microseconds(0);
    return microseconds(
        1000 * (least_ms + static_cast<int>(Pick(static_cast<std::uint64_t>(most_ms - least_ms)))));
  };
  roughness.loss = sometimes(0.15);
  roughness.duplication = sometimes(0.15);
  roughness.delay_max = microseconds(Happens(0.5) ? 500 : 20'000);
  roughness.disk_full = sometimes(0.1);
  roughness.torn_group = 0.5;
  roughness.operator_hand = Happens(0.15) ? 0.02 : 0.0;
  roughness.operator_abort = sometimes(0.03);
  roughness.coordinator_life = life(20, 500);
  roughness.process_life = life(20, 800);
  roughness.partition_every = life(50, 800);
}

void World::After(microseconds delay, std::function<void()> run) {
  due_.push({now_ + delay, ++order_, std::move(run)});
}

bool World::Step() {
  if (due_.empty()) return false;
  const Due next = due_.top();
  due_.pop();
  now_ = next.at;
  ++events_;
  next.run();
  return true;
}

bool World::Strikes(double probability, const char* kind) {
  if (script != nullptr ? !script->Strikes(kind) : healed || !Happens(probability)) return false;
  Count(kind);
  return true;
}

void World::Send(Message message, std::function<void()> deliver) {
  if (script != nullptr) {
    if (!script->Loses(message)) After(UpTo(microseconds(500)), std::move(deliver));
    return Effect(message.from, "sends ", message.what, " to ", message.to);
  }
  if (partitioned && !healed) {
    Count("message cut off by a partition");
    return;
  }
  if (Strikes(roughness.loss, "message lost")) return;
  if (Strikes(roughness.duplication, "message doubled")) After(UpTo(roughness.delay_max), deliver);
  After(UpTo(healed ? microseconds(500) : roughness.delay_max), std::move(deliver));
}

void World::Say(std::string line) {
  constexpr std::size_t kKept = 4000;
  if (transcript_.size() == kKept) transcript_.pop_front();
  const auto since =
      std::chrono::duration_cast<microseconds>(now_.time_since_epoch()).count() % 3'600'000'000LL;
  transcript_.push_back(std::to_string(since) + "us  " + std::move(line));
}

}  // namespace settle::simulation
