// What is measured. Each suite starts what it needs, measures, checks that all that was
// acknowledged is so, and ends what it started, whatever happens.
#pragma once

#include <chrono>
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
std::vector<Row> MeasureCoordinator(const SuiteOptions& options, const Progress& progress,
                                    const Stop& stop);
std::vector<Row> MeasurePostgres(const SuiteOptions& options, const Progress& progress,
                                 const Stop& stop);
std::vector<Row> MeasureSagas(const SuiteOptions& options, const Progress& progress,
                              const Stop& stop);
std::vector<Row> MeasureThreePhase(const SuiteOptions& options, const Progress& progress,
                                   const Stop& stop);
std::vector<Row> MeasureBarrier(const SuiteOptions& options, const Progress& progress,
                                const Stop& stop);
std::vector<Row> MeasureLog(const SuiteOptions& options, const Progress& progress,
                            const Stop& stop);
std::vector<Row> MeasureScale(const SuiteOptions& options, const Progress& progress,
                              const Stop& stop);

}  // namespace settle::bench
