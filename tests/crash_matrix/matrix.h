// The crash matrix: a scenario is played once without a crash, and then again with a crash after
// each step of each actor.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "crash_matrix/play.h"

namespace settle::crash_matrix {

struct Tally {
  std::size_t cells = 0;    // a scenario over one kind of databases
  std::size_t points = 0;   // where somebody dies: in the scenario, or in the recovery from a crash
  std::size_t plays = 0;    // with soon and late restarts, and with what survives in the log
  std::size_t crashes = 0;  // that really happened in them
  std::size_t violations = 0;  // plays that violated an invariant
  microseconds longest{0};     // recovery

  Tally& operator+=(const Tally& other);
};

// All deaths of `actor` after the step number `since` of a play: one for each of its steps and for
// each number of records that may survive of those on their way to the disk.
std::vector<Crash> PointsOf(const Played& played, const std::string& actor, std::size_t since = 0);

// Plays one cell of the matrix. What violates an invariant is printed with its transcript and the
// command that plays just that.
Tally RunCell(const Scenario& scenario, Databases databases, const Staging& staging,
              std::ostream& out);

// An assertion of what is played ends the process: from now on it says first what it was playing.
void NameThePlayOnAbort();

// Plays one entry of a cell, and prints it.
Tally RunEntry(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
               Staging staging, std::ostream& out);

}  // namespace settle::crash_matrix
