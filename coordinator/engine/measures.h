// What a shard counts and times of its transactions: those that have ended since the process
// started, and those that have not.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "engine/ports.h"
#include "log/histogram.h"
#include "settle/vocabulary/outcome.h"

namespace settle::coordinator {

// How a transaction was decided.
enum class EndedBy { kTwoPhase, kThreePhase, kOnePhase, kLastResource, kTcc, kSaga };
inline constexpr std::size_t kEndedBy = 6;

// The parts of a commit's time. Only of transactions that began in this process.
enum class Phase {
  kWork,     // from begin to the call that asks for commit
  kPrepare,  // from that call to the record that holds the votes being ready for the log
  kLog,      // that record's wait until it is durable, and that of a pre-commit
  kApply,    // from the durable decision until every branch has acknowledged it
};
inline constexpr std::size_t kPhases = 4;

// A value; a shard's own is touched by its thread alone.
struct Measures {
  std::map<std::pair<EndedBy, Outcome>, std::uint64_t> ended;
  std::array<Histogram, kPhases> phases{Histogram(kSecondsBounds), Histogram(kSecondsBounds),
                                        Histogram(kSecondsBounds), Histogram(kSecondsBounds)};
  std::array<Histogram, kEndedBy> durations{Histogram(kSecondsBounds), Histogram(kSecondsBounds),
                                            Histogram(kSecondsBounds), Histogram(kSecondsBounds),
                                            Histogram(kSecondsBounds), Histogram(kSecondsBounds)};
  std::uint64_t heuristics = 0;  // branches that ended otherwise than decided, or unprovably

  // `begun` is not set: in an earlier life, so how long it took is not known here.
  void Ended(EndedBy by, Outcome outcome, Instant begun, Instant now) {
    ++ended[{by, outcome}];
    if (outcome == Outcome::kCommitted && begun != Instant{})
      durations[static_cast<std::size_t>(by)].Add(now - begun);
  }
  void Add(Phase phase, Instant from, Instant to) {
    if (from != Instant{}) phases[static_cast<std::size_t>(phase)].Add(to - from);
  }
  Measures& operator+=(const Measures& other) {
    for (const auto& [what, count] : other.ended) ended[what] += count;
    for (std::size_t i = 0; i < kPhases; ++i) phases[i] += other.phases[i];
    for (std::size_t i = 0; i < kEndedBy; ++i) durations[i] += other.durations[i];
    heuristics += other.heuristics;
    return *this;
  }
};

// Of the transactions that have not ended.
struct OpenCounts {
  std::map<std::string, std::size_t> by_state;
  std::size_t in_doubt = 0;
  WallTime oldest_in_doubt = 0;  // when that of them began that began first; 0: none, or not known
  std::size_t damaged = 0;
  std::size_t quarantined = 0;
  std::size_t sagas = 0;                       // of those in by_state
  std::map<std::string, std::size_t> waiting;  // by resource: transactions that wait for it

  void NoteInDoubt(WallTime began) {
    ++in_doubt;
    NoteOldest(began);
  }
  void NoteOldest(WallTime began) {
    if (began != 0 && (oldest_in_doubt == 0 || began < oldest_in_doubt)) oldest_in_doubt = began;
  }
};

// When a transaction came so far; not set: it did not, or in an earlier life.
struct PhaseTimes {
  Instant begun{};
  Instant commit_asked{};
  Instant log_asked{};
  Instant decided{};
};

}  // namespace settle::coordinator
