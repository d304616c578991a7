// What is measured. Each suite starts what it needs, measures, checks that all that was
// acknowledged is so, and ends what it started, whatever happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/load.h"
#include "bench/report.h"

namespace settle::bench {

struct SuiteOptions {
  std::string directory;          // where logs and clusters go: on a disk
  std::string postgres_binaries;  // empty: found
  std::vector<int> clients;
  std::chrono::duration<double> window{};  // of each run
  int rounds = 1;
  int percent = 100;  // of the sizes of the suite `scale`
};

// Told one line when something begins that takes time.
using Progress = std::function<void(const std::string& line)>;

// Throw std::runtime_error when something cannot be measured, or was acknowledged and is not so;
// Interrupted; PostgresNotInstalled; Missing.
using Measurement = std::vector<Row>(const SuiteOptions& options, const Progress& progress,
                                     const Stop& stop);
Measurement MeasureCoordinator;
Measurement MeasureSdk;
Measurement MeasurePostgres;
Measurement MeasureSqlite;
Measurement MeasureThreePhase;
Measurement MeasureBarrier;
Measurement MeasureSagas;
Measurement MeasureLog;
Measurement MeasureScale;

struct Suite {
  const char* name;
  Measurement* measure;
  bool needs_postgres;
  std::uint64_t disk_bytes = 0;  // that it takes for a while, at its full sizes, if that is much
};
inline constexpr Suite kSuites[] = {{"coordinator", MeasureCoordinator, false},
                                    {"sdk", MeasureSdk, false},
                                    {"postgres", MeasurePostgres, true},
                                    {"sqlite", MeasureSqlite, false},
                                    {"three-phase", MeasureThreePhase, true},
                                    {"barrier", MeasureBarrier, true},
                                    {"saga", MeasureSagas, true},
                                    {"log", MeasureLog, false},
                                    {"scale", MeasureScale, false, 12'000'000'000}};

}  // namespace settle::bench
