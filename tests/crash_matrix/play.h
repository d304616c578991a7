// Plays a scenario in the simulated world, without chance, and stops actors where it is told to.
//
// A step is what an actor did that others can see or that outlives it: a record appended or made
// durable, a message that left, an operation in a database, a word the client wrote down. Steps are
// numbered from 1 for each actor. The same crashes give the same play, step by step.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {

enum class Restart {
  kSoon,  // before anybody has given up on it
  kLate,  // after every timer ran out: deadlines, votes, sessions, retries
};

inline const std::string kCoordinator = "coordinator";
// The power fails: everybody dies at once, right after a step of anybody.
inline const std::string kEverybody = "everybody";

// `actor` dies right after its step number `after`, counted from the crash before, and comes back.
// A database dies as a server does: its connections and open work are gone, what is prepared stays.
struct Crash {
  std::string actor;  // "coordinator", "process-1", "bank-a", kEverybody
  std::size_t after = 1;
  Restart restart = Restart::kSoon;
  // Of the records that were on their way to the disk the first so many are there afterwards.
  std::size_t survived = 0;
};

// "coordinator:17:late:1"; the last part is left out when it is 0.
std::string ToString(const Crash& crash);
std::optional<Crash> ParseCrash(const std::string& text);

struct Step {
  std::string actor;
  std::string what;
  std::size_t unsynced = 0;  // records on their way to the disk, which a crash may keep or lose
};

// What became of one transaction.
struct Fate {
  Gtid gtid;
  Ending answer;  // what the coordinator says afterwards, when asked
  std::optional<Outcome> told;
  std::size_t wrote = 0;  // branches that changed something
  std::size_t committed = 0;
};

struct Played {
  std::vector<std::string> violations;
  std::vector<Step> steps;           // without the idle polls at the end
  std::vector<std::size_t> crashes;  // for each that happened, how many steps had been taken
  std::vector<Fate> fates;           // in the order in which they were begun
  microseconds recovery{0};          // from the last crash, or trouble, until all was settled
  std::vector<std::string> transcript;
};

// Which crashes of the coordinator while it recovers from one are played. Sampled: every so
// manieth.
enum class Again { kAll, kSampled };

struct Staging {
  simulation::CoordinatorNode::AroundLog around_log = {};  // a broken log
  bool transcript = false;
  std::optional<std::uint64_t> timing = {};  // instead of the scenario's own
  Again again = Again::kAll;
};

Played Play(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
            const Staging& staging = {});

// Everything has ended within this after the last crash or trouble.
inline constexpr microseconds kBound{1'500'000};

}  // namespace settle::crash_matrix
