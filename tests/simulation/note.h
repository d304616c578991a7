// What clients and participants saw of a transaction, as they would have written it down. The
// oracle.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "simulation/simulated_database.h"

namespace settle::simulation {

struct Note {
  Gtid gtid;
  std::vector<std::pair<BranchKey, SimulatedDatabase*>> branches;
  std::optional<Outcome> told;             // the last that says how it ended
  std::optional<Outcome> said_at_the_end;  // by the coordinator, when all was over
  Instant asked{};                         // for it to begin
  std::uint64_t told_to_commit = 0;        // by a command: a bit for each branch
  std::uint64_t told_to_abort = 0;
  // Whose commit is to be the decision, once the others are being prepared in its name.
  std::optional<std::pair<BranchKey, SimulatedDatabase*>> last{};

  bool last_committed() const { return last && last->second->Committed(last->first); }
  // Its database's own record says so, or could have, but for somebody's hand or a fail-over.
  bool may_commit_by_last() const { return last && (last_committed() || meddled()); }

  // Somebody else than Settle finished a branch of it or lost what a branch had done.
  bool meddled() const {
    for (const auto& [key, database] : branches) {
      if (database->Meddled(gtid)) return true;
    }
    return false;
  }
  // What a branch had durably done is gone, and nothing is left there that could tell.
  bool lost_for_good() const {
    for (const auto& [key, database] : branches) {
      if (database->LostForGood(gtid)) return true;
    }
    return false;
  }
  bool failed_over() const {
    for (const auto& [key, database] : branches) {
      if (database->timeline() > 1) return true;
    }
    return false;
  }
};

struct Tally {
  std::size_t wrote = 0;
  std::size_t committed = 0;  // of those that wrote
  bool all() const { return committed == wrote; }
};

inline Tally Count(const Note& note) {
  Tally tally;
  for (const auto& [key, database] : note.branches) {
    if (!database->Wrote(key)) continue;
    ++tally.wrote;
    if (database->Committed(key)) ++tally.committed;
  }
  return tally;
}

}  // namespace settle::simulation
