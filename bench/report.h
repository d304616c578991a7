// The rows of the benchmark: a table for people, or JSON, one object a line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/load.h"

namespace settle::bench {

// What one thing that was measured showed, by round.
struct Series {
  std::string name;          // with the suite, e.g. "postgres.settle_applied"
  std::string unit;          // of the value, e.g. "transactions/s"
  std::string acknowledged;  // what had happened when a client went on, in words
  int clients = 0;
  std::vector<Run> runs;
};

// A series by itself, or against another one. Each figure is the median of the rounds; a ratio is
// taken within a round, where drift of the machine hits both alike.
struct Row {
  std::string name;
  std::string unit;
  std::string acknowledged;
  int clients = 0;
  int rounds = 0;
  std::uint64_t count = 0;  // operations in all rounds
  Spread value;
  std::string against;          // the other series' name; empty: none
  std::optional<Spread> ratio;  // of the values
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  CpuTimes cpu_us;
};
Row RowOf(const Series& series);
// Both have the same clients and as many rounds.
Row RowOf(const Series& series, const Series& against);
// `series`, counted in something of which each operation has `factor`.
Series Scaled(Series series, double factor, std::string name, std::string unit);

// `series`, with another figure of each round in place of its rate; `what` is added to its name.
Series Counted(Series series, const std::vector<double>& figures, const std::string& what,
               const std::string& unit);
// NAME_p50: its median latency in microseconds.
Series LatencyOf(const Series& series);

// "0.25", "17.3", "1042": as many digits as the measurement can bear.
std::string Number(double value);
// Three digits after the point.
std::string Ratio(double ratio);

// Of one suite. Ends with a newline.
std::string TableOf(const std::vector<Row>& rows);
// Keys: row, clients, value, unit, value_least, value_most, against, ratio, ratio_least,
// ratio_most, p50_us, p99_us, p999_us, cpu_us (an object: clients, coordinator, databases), rounds,
// count, acknowledged. Without a comparison the four of it are
// null. Ends with a newline.
std::string JsonLineOf(const Row& row);

}  // namespace settle::bench
