// One run: load, faults, healing, quiet, and what the checker says.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chaos/faults.h"
#include "chaos/soak.h"

namespace settle::testing {

struct ChaosOptions {
  std::uint64_t seed = 1;
  std::chrono::milliseconds length{60'000};
  std::chrono::milliseconds every{2'000};   // a fault; 0: none, and trends are judged
  std::chrono::milliseconds bound{10'000};  // from the healing until nothing is in doubt
  bool progress = true;                     // a line on standard error each five seconds
  std::string keep_in;                      // where a failed run's files go
  // A test's own: every fault is this one, each at its time; the load ends as soon as so much of
  // operator_did is enough; what is done to the databases before they are judged.
  std::optional<PlannedFault> only{};
  std::function<bool(const std::map<std::string, int>&)> enough{};
  std::function<void(Stage&)> sabotage{};

  bool soak() const { return every.count() == 0; }
};

struct ChaosReport {
  // protocol -> outcome -> how many transactions, as clients were told last
  std::map<std::string, std::map<std::string, std::size_t>> transactions;
  std::map<FaultKind, FaultCount> faults;
  std::string no_disk_full;  // why that kind was left out; empty: it was not
  std::map<std::string, int> operator_did;
  std::size_t acknowledged = 0;
  std::size_t lost = 0;
  std::vector<std::string> violations;  // lost ones, crashes and missed bounds among them
  double cleared_s = -1;                // after the last healing; -1: it did not happen in time
  double oldest_in_doubt_s = 0;         // seen between the healing and then
  std::vector<double> recoveries_s;     // in ascending order
  std::map<std::string, Trend> trends;
  std::string kept;  // where the files of a failed run are

  bool held() const { return violations.empty(); }
};

// Blocking. Throws std::runtime_error when the environment does not allow it.
ChaosReport RunChaos(const ChaosOptions& options);

std::string TableOf(const ChaosOptions& options, const ChaosReport& report);
nlohmann::json JsonOf(const ChaosOptions& options, const ChaosReport& report);

}  // namespace settle::testing
