#include <fmt/format.h>

#include <cmath>

#include "chaos/chaos_run.h"

namespace settle::testing {
namespace {

// Of values in ascending order; 0 of none.
double Percentile(const std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

// Whether what it forced was accepted is said in any case.
std::map<std::string, int> DidOf(const ChaosReport& report) {
  std::map<std::string, int> did{{"forced: accepted", 0}, {"forced: refused", 0}};
  for (const auto& [what, count] : report.operator_did) did[what] = count;
  return did;
}

}  // namespace

std::string TableOf(const ChaosOptions& options, const ChaosReport& report) {
  std::string table;
  const auto add = [&table](const std::string& what, const std::string& value) {
    table += fmt::format("{:<34} {}\n", what, value);
  };
  add("seed", std::to_string(options.seed));
  for (const auto& [protocol, outcomes] : report.transactions) {
    std::string words;
    for (const auto& [outcome, count] : outcomes) {
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, outcome);
    }
    add("transactions, " + protocol, words);
  }
  int fired = 0;
  for (const auto& [kind, count] : report.faults) {
    add(std::string("fault, ") + ToString(kind),
        fmt::format("{} of {}", count.fired, count.planned));
    fired += count.fired;
  }
  if (!options.soak() && !report.no_disk_full.empty()) {
    add("fault, disk-full", "left out: " + report.no_disk_full);
  }
  add("faults that fired", std::to_string(fired));
  for (const auto& [what, count] : DidOf(report)) add("operator, " + what, std::to_string(count));
  add("acknowledged commits", std::to_string(report.acknowledged));
  add("lost", std::to_string(report.lost));
  add("violations", std::to_string(report.violations.size()));
  add("nothing in doubt after healing",
      report.cleared_s < 0 ? "never" : fmt::format("{:.2f} s", report.cleared_s));
  add("oldest in doubt after healing", fmt::format("{:.2f} s", report.oldest_in_doubt_s));
  add("recovery p50, p99, max",
      fmt::format("{:.2f} s, {:.2f} s, {:.2f} s of {}", Percentile(report.recoveries_s, 0.5),
                  Percentile(report.recoveries_s, 0.99), Percentile(report.recoveries_s, 1),
                  report.recoveries_s.size()));
  if (options.soak()) {
    for (const auto& [what, trend] : report.trends) {
      add(what,
          fmt::format("{:.0f}, {:+.1f} over the second half (noise {:.1f}), {:+.0f} an hour: {}",
                      trend.median, trend.growth, trend.noise, trend.per_hour,
                      trend.flat ? "flat" : "GROWS"));
    }
  }
  for (const std::string& violation : report.violations) table += "VIOLATION " + violation + "\n";
  return table;
}

nlohmann::json JsonOf(const ChaosOptions& options, const ChaosReport& report) {
  nlohmann::json faults = nlohmann::json::object();
  for (const auto& [kind, count] : report.faults) {
    faults[ToString(kind)] = {{"planned", count.planned}, {"fired", count.fired}};
  }
  nlohmann::json trends = nlohmann::json::object();
  for (const auto& [what, trend] : report.trends) {
    trends[what] = {{"median", trend.median},
                    {"growth", trend.growth},
                    {"noise", trend.noise},
                    {"flat", trend.flat},
                    {"per_hour", trend.per_hour}};
  }
  return {{"seed", options.seed},
          {"seconds", options.length.count() / 1'000.0},
          {"every_s", options.every.count() / 1'000.0},
          {"transactions", report.transactions},
          {"faults", faults},
          {"disk_full_left_out", report.no_disk_full},
          {"operator", DidOf(report)},
          {"acknowledged", report.acknowledged},
          {"lost", report.lost},
          {"violations", report.violations},
          {"cleared_after_s", report.cleared_s},
          {"oldest_in_doubt_s", report.oldest_in_doubt_s},
          {"recovery_s",
           {{"count", report.recoveries_s.size()},
            {"p50", Percentile(report.recoveries_s, 0.5)},
            {"p99", Percentile(report.recoveries_s, 0.99)},
            {"max", Percentile(report.recoveries_s, 1)}}},
          {"trends", trends},
          {"kept", report.kept}};
}

}  // namespace settle::testing
