// What Settle is to reach, and whether a run of the benchmark reached it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/report.h"

namespace settle::bench {

// A row that has a target. What is held against it is the row's ratio to `against`, or its value
// where that is empty.
struct Target {
  enum class Bound { kAtLeast, kAtMost };

  const char* what;  // in words
  const char* row;
  const char* against;
  int clients;
  Bound bound;
  double limit;
};

struct Verdict {
  Target target;
  std::optional<Spread> measured;  // none: no such row was measured
  std::string unit;                // "ratio", or of the row's value; empty: not measured

  bool met() const;  // by the median
};
// One for each target, in their order.
std::vector<Verdict> Judge(const std::vector<Row>& rows);

// Ends with a newline.
std::string TableOf(const std::vector<Verdict>& verdicts);
// Keys: target, row, against, clients, measured, measured_least, measured_most, unit, bound
// ("at least" or "at most"), limit, met. Of what was not measured, measured, its least and most,
// and met are null; against is null where a value is what counts. Ends with a newline.
std::string JsonLineOf(const Verdict& verdict);

}  // namespace settle::bench
