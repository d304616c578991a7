#include "bench/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace settle::bench {
namespace {

using enum Target::Bound;

constexpr Target kTargets[] = {
    {"coordinator alone: its calls for each empty call", "coordinator.its_calls",
     "coordinator.empty_call", 32, kAtLeast, 0.25},
    {"", "coordinator.its_calls", "coordinator.empty_call", 128, kAtLeast, 0.35},
    {"one caller: p50 for each empty call and flush", "coordinator.transaction_p50",
     "coordinator.call_and_flush_p50", 1, kAtMost, 1.5},
    {"4 connections, 64 in flight each", "coordinator.in_flight", "coordinator.sqlite_256", 4,
     kAtLeast, 0.2},
    {"transfer, against both at once", "postgres.settle_applied", "postgres.both_at_once", 1,
     kAtLeast, 0.90},
    {"", "postgres.settle_applied", "postgres.both_at_once", 8, kAtLeast, 0.90},
    {"", "postgres.settle_applied", "postgres.both_at_once", 32, kAtLeast, 0.92},
    {"transfer, against one after another", "postgres.settle_applied", "postgres.one_after_another",
     1, kAtLeast, 1.2},
    {"", "postgres.settle_applied", "postgres.one_after_another", 8, kAtLeast, 1.0},
    {"", "postgres.settle_applied", "postgres.one_after_another", 32, kAtLeast, 1.0},
    {"pipelined branches", "postgres.pipelined", "postgres.both_at_once", 8, kAtLeast, 1.1},
    {"", "postgres.pipelined", "postgres.both_at_once", 32, kAtLeast, 1.1},
    {"wait = decision: p50 of the transfer", "postgres.settle_decision_p50",
     "postgres.both_at_once_p50", 1, kAtMost, 1.0},
    {"", "postgres.settle_decision_p50", "postgres.both_at_once_p50", 8, kAtMost, 1.0},
    {"", "postgres.settle_decision_p50", "postgres.both_at_once_p50", 32, kAtMost, 1.0},
    {"wait = decision: p50 of its commit alone", "postgres.settle_decision_commit",
     "postgres.both_at_once_commit", 1, kAtMost, 1.0},
    {"", "postgres.settle_decision_commit", "postgres.both_at_once_commit", 8, kAtMost, 1.0},
    {"", "postgres.settle_decision_commit", "postgres.both_at_once_commit", 32, kAtMost, 1.0},
    {"last resource", "postgres.last_resource", "postgres.both_at_once", 8, kAtLeast, 1.25},
    {"", "postgres.last_resource", "postgres.both_at_once", 32, kAtLeast, 1.25},
    {"transfer, against a log table", "postgres.settle_applied", "postgres.log_table", 1, kAtLeast,
     1.3},
    {"", "postgres.settle_applied", "postgres.log_table", 8, kAtLeast, 1.3},
    {"", "postgres.settle_applied", "postgres.log_table", 32, kAtLeast, 1.3},
    {"participants in other processes", "postgres.other_processes", "postgres.both_at_once", 32,
     kAtLeast, 0.85},
    {"two SQLite branches: p50", "sqlite.settle_p50", "sqlite.by_hand_p50", 1, kAtMost, 3.0},
    {"saga of 3 steps, for each transaction", "saga.no_op", "saga.transaction", 1, kAtLeast, 0.25},
    {"", "saga.no_op", "saga.transaction", 8, kAtLeast, 0.25},
    {"", "saga.no_op", "saga.transaction", 32, kAtLeast, 0.25},
    {"decision log, against a raw file", "log.decision_log_64", "log.raw_file_64", 1, kAtLeast,
     0.7},
    {"", "log.decision_log_256", "log.raw_file_256", 1, kAtLeast, 0.7},
    {"log with 10,000,000 finished", "scale.with_10000000_finished", "scale.with_0_finished", 32,
     kAtLeast, 0.95},
    {"memory of an open transaction", "scale.memory_1000000_open", "", 32, kAtMost, 1'024},
    {"10,000 idle connections", "scale.with_10000_idle", "scale.with_0_idle", 32, kAtLeast, 0.9},
    {"", "scale.memory_10000_idle", "", 32, kAtMost, 256},
    {"100,000 in doubt: until it serves", "scale.serving_100000_in_doubt", "", 32, kAtMost, 1},
    {"100,000 in doubt: until all are resolved", "scale.resolved_100000_in_doubt", "", 32, kAtMost,
     10},
    {"one dead participant among 64", "scale.with_one_dead", "scale.with_none_dead", 32, kAtLeast,
     0.95},
    {"idle daemon", "scale.idle_daemon", "", 32, kAtMost, 0.5},
};

Verdict VerdictOn(const Target& target, const std::vector<Row>& rows) {
  const bool by_ratio = *target.against != '\0';
  for (const Row& row : rows) {
    if (row.name != target.row || row.clients != target.clients) continue;
    if (!by_ratio) return {target, row.value, row.unit};
    if (row.against == target.against) return {target, row.ratio, "ratio"};
  }
  return {target, std::nullopt, ""};
}

}  // namespace

bool Verdict::met() const {
  if (!measured) return false;
  return target.bound == kAtLeast ? measured->median >= target.limit
                                  : measured->median <= target.limit;
}

std::vector<Verdict> Judge(const std::vector<Row>& rows) {
  std::vector<Verdict> verdicts;
  for (const Target& target : kTargets) {
    Verdict verdict = VerdictOn(target, rows);
    // The same of other clients.
    if (*target.what == '\0') verdict.target.what = verdicts.back().target.what;
    verdicts.push_back(verdict);
  }
  return verdicts;
}

std::string TableOf(const std::vector<Verdict>& verdicts) {
  constexpr const char* kLine = "{:<50} {:>7} {:>9} {:<15} {:<12} {:>7} {:<14} {}\n";
  std::string table =
      fmt::format(kLine, "target", "clients", "median", "least..most", "unit", "", "limit", "");
  for (const Verdict& verdict : verdicts) {
    const auto& [target, measured, unit] = verdict;
    const auto text = *target.against != '\0' ? Ratio : Number;
    table += fmt::format(
        kLine, target.what, target.clients, measured ? text(measured->median) : "-",
        measured ? text(measured->least) + ".." + text(measured->most) : "", unit,
        target.bound == kAtLeast ? "at least" : "at most", fmt::format("{:g}", target.limit),
        !measured       ? "not measured"
        : verdict.met() ? "met"
                        : "MISSED");
  }
  return table;
}

std::string JsonLineOf(const Verdict& verdict) {
  const Target& target = verdict.target;
  nlohmann::ordered_json line{{"target", target.what},
                              {"row", target.row},
                              {"against", nullptr},
                              {"clients", target.clients},
                              {"measured", nullptr},
                              {"measured_least", nullptr},
                              {"measured_most", nullptr},
                              {"unit", verdict.unit},
                              {"bound", target.bound == kAtLeast ? "at least" : "at most"},
                              {"limit", target.limit},
                              {"met", nullptr}};
  if (*target.against != '\0') line["against"] = target.against;
  if (verdict.measured) {
    line["measured"] = verdict.measured->median;
    line["measured_least"] = verdict.measured->least;
    line["measured_most"] = verdict.measured->most;
    line["met"] = verdict.met();
  }
  return line.dump() + "\n";
}

}  // namespace settle::bench
