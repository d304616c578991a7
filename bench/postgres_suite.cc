// A bank transfer between two PostgreSQL clusters: two-phase commit written by hand against Settle.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bench/banks.h"
#include "bench/daemon.h"
#include "bench/hand_written.h"
#include "bench/settle_program.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

// The programs of the suite are as many threads with the same transfers.
struct Variant {
  Series series;
  std::vector<Operation> clients;
  bool by_settle = false;
};

// All variants for one number of clients; what they use lives as long as this.
class Contest {
 public:
  Contest(const Banks& banks, const Daemon& daemon, int clients, const Progress& progress)
      : settle_(banks, daemon, clients, Way::kCallerPrepares, progress),
        queued_(banks, daemon, clients, Way::kQueued, progress) {
    for (int i = 0; i < clients; ++i) {
      by_hand_.push_back(
          std::make_unique<HandWritten>(banks, fmt::format("by-hand-{}-{}", clients, i)));
      transfers_.emplace_back(i, clients);
    }
    AddByHand("postgres.one_after_another", &HandWritten::MoveOneAfterAnother);
    AddByHand("postgres.both_at_once", &HandWritten::MoveBothAtOnce);
    const char* const both = "the decision is durable in the log, and both have committed";
    AddSettle("postgres.settle_applied", settle_, Wait::kApplied, both);
    AddSettle("postgres.settle_decision", settle_, Wait::kDecision,
              "the decision is durable in the log; both are about to commit");
    AddSettle("postgres.pipelined", queued_, Wait::kApplied, both);
    AddSettle("postgres.last_resource", settle_, Wait::kApplied,
              "both have committed, of which the one decided; no log need know of it",
              UseLastResource::kAlways);
  }

  std::vector<Variant>& variants() { return variants_; }

  std::vector<Row> Rows() const {
    const Series& one_after_another = variants_[0].series;
    const Series& both_at_once = variants_[1].series;
    std::vector<Row> rows{RowOf(one_after_another), RowOf(both_at_once, one_after_another)};
    for (auto by_settle = variants_.begin() + 2; by_settle != variants_.end(); ++by_settle) {
      rows.push_back(RowOf(by_settle->series, both_at_once));
      rows.push_back(RowOf(by_settle->series, one_after_another));
    }
    rows.push_back(RowOf(variants_.back().series, variants_[2].series));
    return rows;
  }

 private:
  Variant& Add(const char* name, const char* acknowledged) {
    Series series{name, "transactions/s", acknowledged, static_cast<int>(transfers_.size()), {}};
    return variants_.emplace_back(Variant{std::move(series), {}});
  }

  void AddByHand(const char* name, void (HandWritten::*move)(const Transfer&)) {
    Variant& variant = Add(name, "both have committed; no log knows of it");
    for (std::size_t i = 0; i < transfers_.size(); ++i) {
      variant.clients.emplace_back(
          [this, i, move] { ((*by_hand_[i]).*move)(transfers_[i].Next()); });
    }
  }

  void AddSettle(const char* name, SettleProgram& program, Wait wait, const char* acknowledged,
                 UseLastResource last_resource = UseLastResource::kNever) {
    Variant& variant = Add(name, acknowledged);
    variant.by_settle = true;
    for (Transfers& transfers : transfers_) {
      variant.clients.emplace_back([&program, &transfers, wait, last_resource] {
        program.Move(transfers.Next(), 2, wait, last_resource);
      });
    }
  }

  SettleProgram settle_;
  SettleProgram queued_;
  std::vector<std::unique_ptr<HandWritten>> by_hand_;
  std::vector<Transfers> transfers_;
  std::vector<Variant> variants_;
};

}  // namespace

std::vector<Row> MeasurePostgres(const SuiteOptions& options, const Progress& progress,
                                 const Stop& stop) {
  progress("postgres: making two clusters");
  const testing::TemporaryDirectory directory(options.directory);
  Banks banks(options.directory, options.postgres_binaries,
              *std::max_element(options.clients.begin(), options.clients.end()));
  Daemon daemon(directory.path());
  const auto read_cpu = [&] { return ReadCpuTimes(daemon.process(), banks.servers()); };
  std::vector<Row> rows;
  std::uint64_t committed = 0;  // by the coordinator
  for (const int clients : options.clients) {
    Contest contest(banks, daemon, clients, progress);
    for (int round = 1; round <= options.rounds; ++round) {
      for (Variant& variant : contest.variants()) {
        progress(fmt::format("{}, {} clients, round {} of {}", variant.series.name, clients, round,
                             options.rounds));
        banks.Checkpoint();
        const Run run = Measure(variant.clients, options.window, read_cpu, stop);
        variant.series.runs.push_back(run);
        banks.Check(run.all, stop);
        if (!variant.by_settle) continue;
        committed += run.all;
        AwaitAllEnded(daemon.port(), {.committed = committed}, stop);
      }
    }
    for (Row& row : contest.Rows()) rows.push_back(std::move(row));
  }
  daemon.Stop();
  return rows;
}

}  // namespace settle::bench
