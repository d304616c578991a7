// The simulated world: virtual time, one seeded source of chance, a network that loses, delays,
// doubles and reorders, and the count of every fault that really happened. Single-threaded; nothing
// in it reads a real clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/ports.h"
#include "simulation/faults.h"

namespace settle::simulation {

using coordinator::Instant;
using coordinator::WallTime;
using std::chrono::microseconds;

// How rough this seed is. Drawn anew for each seed, so that every mix occurs. Times are means; 0:
// never.
struct Roughness {
  double loss = 0;            // of one message
  double duplication = 0;     // of one message
  microseconds delay_max{0};  // of one message; different delays reorder them
  microseconds flush_max{0};  // of one group in the log
  double disk_full = 0;       // of one forced append
  double log_failure = 0;     // of one flush
  double torn_group = 0;      // of a crash: part of the group that was being flushed survives it
  double finish_lost = 0;     // of one phase two in a database: not done, or done and not answered
  double scan_failure = 0;    // of one scan
  double operator_hand = 0;   // of one tick: a prepared branch is finished behind Settle's back
  double operator_acts = 0;   // of one tick: an operator aborts or hurries something
  double late_branch = 0;     // of one transaction: it does not wait for a service that joins it
  double gives_up = 0;        // of one commit: its client waits only for a moment
  microseconds quantum{1};    // of all delays; a large one makes events coincide
  microseconds coordinator_lag{0};  // before its shards run
  microseconds coordinator_life{0};
  microseconds coordinator_freeze_every{0};
  microseconds coordinator_stall_every{0};
  microseconds older_copy_every{0};
  microseconds process_life{0};
  microseconds process_freeze_every{0};
  microseconds partition_every{0};
  microseconds database_life{0};
  microseconds fail_over_every{0};
  microseconds disk_full_every{0};
  microseconds clock_jump_every{0};
  bool dead_for_good = false;             // one process
  std::optional<std::size_t> keep_ended;  // in the log; older ones are pruned after every flush
};

enum class Direction { kToCoordinator, kFromCoordinator };

// From a process to the coordinator, or back; or to another process.
struct Way {
  std::string process;
  Direction direction = Direction::kToCoordinator;
  Instant last_arrival{};
  std::string peer{};  // instead of the coordinator

  const std::string& from() const;
  const std::string& to() const;
};

// A message between a process and the coordinator, and what it says.
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
  enum class Telling { kNothing, kTranscript };

  explicit World(std::uint64_t seed, Telling telling = Telling::kNothing);

  Script* script = nullptr;
  // An actor did something that others can see or that outlives it.
  template <typename... Parts>
  void Effect(const std::string& actor, const Parts&... what) {
    if (script == nullptr && !telling()) return;
    const std::string text = Join(what...);
    Say(actor, ": ", text);
    if (script != nullptr) script->Saw(actor, text);
  }

  // --- chance (SplitMix64: the same numbers with every compiler and library)
  std::uint64_t Draw();
  double Chance() { return static_cast<double>(Draw() >> 11) * 0x1.0p-53; }
  std::uint64_t Pick(std::uint64_t below) { return below == 0 ? 0 : Draw() % below; }
  bool Happens(double probability) { return probability > 0 && Chance() < probability; }
  microseconds UpTo(microseconds most) {
    return microseconds(
        static_cast<std::int64_t>(Pick(static_cast<std::uint64_t>(most.count()) + 1)));
  }

  // --- time
  Instant now() const { return now_; }
  WallTime wall() const {
    const auto since = std::chrono::duration_cast<microseconds>(now_.time_since_epoch());
    return (since + wall_offset).count();
  }
  microseconds wall_offset{0};
  void After(microseconds delay, std::function<void()> run);
  // Runs the next thing that is due. False: nothing is left.
  bool Step();
  std::uint64_t events() const { return events_; }

  // --- the network: from now on, after a delay, perhaps never, perhaps twice. `what` gives what
  // the message says, and is called only if somebody wants to know.
  template <typename What>
  void Send(Way& way, const What& what, std::function<void()> deliver) {
    if (script == nullptr && !telling()) return Carry(way, std::move(deliver));
    SendAloud(way, what(), std::move(deliver));
  }
  struct Partition {
    Fault kind = Fault::kPartitioned;
    std::string process;                 // empty: all
    std::optional<Direction> direction;  // none: both
  };
  std::optional<Partition> partition;
  // The network is cut in two: nothing goes from one side to the other; one way: nothing goes out
  // of the side that is named. The coordinator is on one of them, as any process is.
  struct Cut {
    std::set<std::string> side;
    bool one_way = false;
  };
  std::optional<Cut> cut;
  bool Severed(const std::string& from, const std::string& to) const;

  // --- faults
  Roughness roughness;
  bool healed = false;                           // the second phase: nothing breaks any more
  bool Strikes(double probability, Fault kind);  // false once healed
  void Count(Fault kind) { ++faults_[static_cast<std::size_t>(kind)]; }
  const FaultCounts& faults() const { return faults_; }

  // --- what must never happen, and was seen to: "durability: ...". Judged with the rest at the
  // end.
  void Violates(std::string what);
  const std::vector<std::string>& violations() const { return violations_; }

  // --- the transcript
  bool telling() const { return telling_ == Telling::kTranscript; }
  template <typename... Parts>
  void Say(const Parts&... parts) {
    if (telling()) Write(Join(parts...));
  }
  const std::vector<std::string>& transcript() const { return transcript_; }

 private:
  struct Due {
    Instant at;
    std::uint64_t order;
    std::function<void()> run;
    // The heap's top is the earliest.
    friend bool operator<(const Due& a, const Due& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  template <typename... Parts>
  static std::string Join(const Parts&... parts) {
    std::string text;
    const auto add = [&text](const auto& part) {
      if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>) {
        text += std::to_string(part);
      } else {
        text += part;
      }
    };
    (add(parts), ...);
    return text;
  }
  void DrawRoughness();
  void Write(const std::string& line);
  bool CutOff(const Way& way);
  void Carry(Way& way, std::function<void()> deliver);
  void SendAloud(Way& way, std::string what, std::function<void()> deliver);

  std::uint64_t random_;
  Telling telling_;
  Instant now_{};
  std::uint64_t order_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Due> due_;  // a heap
  FaultCounts faults_{};
  std::vector<std::string> violations_;
  std::vector<std::string> transcript_;
};

}  // namespace settle::simulation
