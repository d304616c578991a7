// The simulated world: virtual time, one seeded source of chance, a network that loses, delays,
// doubles and reorders, and the count of every fault that really happened. Single-threaded; nothing
// in it reads a real clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "engine/ports.h"

namespace settle::simulation {

using coordinator::Instant;
using coordinator::WallTime;
using std::chrono::microseconds;

// How rough this seed is. Drawn anew for each seed, so that every mix occurs.
struct Roughness {
  double loss = 0;            // of one message
  double duplication = 0;     // of one message
  microseconds delay_max{0};  // of one message; different delays reorder them
  double disk_full = 0;       // of one forced append
  double torn_group = 0;      // of a crash: part of the group that was being flushed survives it
  double operator_hand = 0;   // of one tick: a prepared branch is finished behind Settle's back
  double operator_abort = 0;  // of one tick: an operator aborts something
  microseconds coordinator_life{0};  // mean time between its crashes; 0: never
  microseconds process_life{0};
  microseconds partition_every{0};
};

struct Message {
  std::string from;
  std::string to;
  std::string what;
};

// Stands in for chance where a run follows a script (tests/crash_matrix).
class Script {
 public:
  virtual ~Script() = default;
  // Instead of the probability: whether a fault of this kind strikes at this place of the run.
  virtual bool Strikes(const std::string& kind) = 0;
  virtual bool Loses(const Message& message) = 0;
  // Told right after an actor did something that others can see or that outlives it. What it throws
  // stops the actor there and comes out of World::Step.
  virtual void Saw(const std::string& actor, const std::string& what) = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed);

  Script* script = nullptr;
  template <typename... Parts>
  void Effect(const std::string& actor, const Parts&... what) {
    if (script == nullptr) return;
    std::string text;
    (text.append(what), ...);
    script->Saw(actor, text);
  }

  // --- chance
  double Chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  std::uint64_t Pick(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
  bool Happens(double probability) { return probability > 0 && Chance() < probability; }
  microseconds UpTo(microseconds most) {
    return microseconds(
        static_cast<std::int64_t>(Pick(static_cast<std::uint64_t>(most.count()) + 1)));
  }

  // --- time
  Instant now() const { return now_; }
  WallTime wall() const {
    return std::chrono::duration_cast<microseconds>(now_.time_since_epoch()).count();
  }
  void After(microseconds delay, std::function<void()> run);
  // Runs the next thing that is due. False: nothing is left.
  bool Step();
  std::uint64_t events() const { return events_; }

  // --- the network: from now on, after a delay, perhaps never, perhaps twice
  void Send(Message message, std::function<void()> deliver);

  // --- faults
  Roughness roughness;
  bool healed = false;  // the second phase: nothing breaks any more
  bool partitioned = false;
  bool Strikes(double probability, const char* kind);  // false once healed
  void Count(const std::string& kind) { ++faults_[kind]; }
  const std::map<std::string, std::uint64_t>& faults() const { return faults_; }

  // --- the transcript: the newest lines are kept
  void Say(std::string line);
  const std::deque<std::string>& transcript() const { return transcript_; }

 private:
  struct Due {
    Instant at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Due& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  std::mt19937_64 random_;
  Instant now_{};
  std::uint64_t order_ = 0;
  std::uint64_t events_ = 0;
  std::priority_queue<Due> due_;
  std::map<std::string, std::uint64_t> faults_;
  std::deque<std::string> transcript_;
};

}  // namespace settle::simulation
