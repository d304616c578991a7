// A bank transfer between two PostgreSQL clusters: two-phase commit written by hand against Settle.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bench/bank_services.h"
#include "bench/banks.h"
#include "bench/daemon.h"
#include "bench/hand_written.h"
#include "bench/settle_program.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr int kBanks = 3;  // the third one's cluster holds what is logged by hand
constexpr const char* kUnlogged = "both have committed; no log knows of it";
constexpr const char* kApplied = "the decision is durable in the log, and both have committed";
constexpr const char* kAppliedByLast =
    "both have committed, of which the one decided; no log need know of it";

// One way of making transfers.
struct Variant {
  Series series;
  bool by_settle = false;
  std::vector<Operation> clients{};
  // How long each commit took within the run, by client; 0 where that is not looked at.
  std::vector<std::vector<double>> commits_us{};
  std::vector<double> commit_p50s{};  // by round

  void Add(const Run& run) {
    series.runs.push_back(run);
    std::vector<double> all;
    for (std::vector<double>& own : commits_us) {
      all.insert(all.end(), own.begin(), own.end());
      own.clear();
    }
    commit_p50s.push_back(Percentile(std::move(all), 0.5));
  }

  Series Commits() const { return Counted(series, commit_p50s, "_commit", "us"); }
};

Variant ByHand(const char* name) { return {{name, "transactions/s", "", 0, {}}, false}; }
Variant BySettle(const char* name) { return {{name, "transactions/s", "", 0, {}}, true}; }

// All variants for one number of clients, with the same transfers; what they use lives as long as
// this.
class Contest {
 public:
  Contest(const Banks& banks, const Daemon& daemon, int clients, const std::string& directory,
          const Progress& progress)
      : settle_(banks, daemon, clients, Way::kCallerPrepares, progress),
        queued_(banks, daemon, clients, Way::kQueued, progress),
        services_(banks, daemon, clients, directory, progress) {
    for (int i = 0; i < clients; ++i) {
      by_hand_.push_back(
          std::make_unique<HandWritten>(banks, fmt::format("by-hand-{}-{}", clients, i)));
      transfers_.emplace_back(i, clients);
    }
    AddByHand(one_after_another_, kUnlogged, &HandWritten::MoveOneAfterAnother);
    AddByHand(both_at_once_, kUnlogged, &HandWritten::MoveBothAtOnce);
    AddByHand(log_table_, "the decision is committed in a third database, and both have committed",
              &HandWritten::MoveWithLogTable);
    AddSettle(applied_, settle_, Wait::kApplied, kApplied);
    AddSettle(decision_, settle_, Wait::kDecision,
              "the decision is durable in the log; both are about to commit");
    AddSettle(pipelined_, queued_, Wait::kApplied, kApplied);
    AddSettle(last_resource_, settle_, Wait::kApplied, kAppliedByLast, UseLastResource::kAlways);
    AddSettle(last_pipelined_, queued_, Wait::kApplied, kAppliedByLast, UseLastResource::kAlways);
    Add(other_processes_, kApplied, [this](std::size_t client, const Transfer& transfer) {
      return services_.Move(static_cast<int>(client), transfer);
    });
  }

  const std::vector<Variant*>& variants() { return variants_; }
  const std::vector<pid_t>& services() const { return services_.processes(); }

  std::vector<Row> Rows() const {
    const Series& rival = both_at_once_.series;
    const Series& usual = one_after_another_.series;
    std::vector<Row> rows{RowOf(usual), RowOf(rival, usual), RowOf(log_table_.series, rival)};
    for (const Variant* variant : {&applied_, &decision_, &pipelined_, &last_resource_,
                                   &last_pipelined_, &other_processes_}) {
      rows.push_back(RowOf(variant->series, rival));
      rows.push_back(RowOf(variant->series, usual));
    }
    rows.push_back(RowOf(applied_.series, log_table_.series));
    rows.push_back(RowOf(last_resource_.series, applied_.series));
    rows.push_back(RowOf(last_pipelined_.series, pipelined_.series));
    const Series rival_p50 = LatencyOf(rival);
    const Series rival_commits = both_at_once_.Commits();
    rows.push_back(RowOf(rival_p50));
    rows.push_back(RowOf(LatencyOf(decision_.series), rival_p50));
    rows.push_back(RowOf(rival_commits));
    rows.push_back(RowOf(decision_.Commits(), rival_commits));
    return rows;
  }

 private:
  // `move` makes a client's transfer and gives how long its commit took, in microseconds.
  template <typename Move>
  void Add(Variant& variant, const char* acknowledged, Move move) {
    variant.series.acknowledged = acknowledged;
    variant.series.clients = static_cast<int>(transfers_.size());
    variant.commits_us.resize(transfers_.size());
    for (std::size_t i = 0; i < transfers_.size(); ++i) {
      variant.clients.emplace_back([this, &commits_us = variant.commits_us[i], i, move] {
        commits_us.push_back(move(i, transfers_[i].Next()));
      });
    }
    variants_.push_back(&variant);
  }

  void AddByHand(Variant& variant, const char* acknowledged,
                 double (HandWritten::*move)(const Transfer&)) {
    Add(variant, acknowledged, [this, move](std::size_t client, const Transfer& transfer) {
      return ((*by_hand_[client]).*move)(transfer);
    });
  }

  void AddSettle(Variant& variant, SettleProgram& program, Wait wait, const char* acknowledged,
                 UseLastResource last_resource = UseLastResource::kNever) {
    Add(variant, acknowledged,
        [&program, wait, last_resource](std::size_t, const Transfer& transfer) {
          return program.Move(transfer, 2, wait, last_resource);
        });
  }

  SettleProgram settle_;
  SettleProgram queued_;
  BankServices services_;
  std::vector<std::unique_ptr<HandWritten>> by_hand_;
  std::vector<Transfers> transfers_;
  Variant one_after_another_ = ByHand("postgres.one_after_another");
  Variant both_at_once_ = ByHand("postgres.both_at_once");
  Variant log_table_ = ByHand("postgres.log_table");
  Variant applied_ = BySettle("postgres.settle_applied");
  Variant decision_ = BySettle("postgres.settle_decision");
  Variant pipelined_ = BySettle("postgres.pipelined");
  Variant last_resource_ = BySettle("postgres.last_resource");
  Variant last_pipelined_ = BySettle("postgres.last_pipelined");
  Variant other_processes_ = BySettle("postgres.other_processes");
  std::vector<Variant*> variants_;  // in the order of their turns
};

}  // namespace

std::vector<Row> MeasurePostgres(const SuiteOptions& options, const Progress& progress,
                                 const Stop& stop) {
  progress("postgres: making three clusters");
  const testing::TemporaryDirectory directory(options.directory);
  Banks banks(options.directory, options.postgres_binaries,
              *std::max_element(options.clients.begin(), options.clients.end()), kBanks);
  PostgresSession log(banks.dsn(2));
  log.Run(kLogTable, "CREATE TABLE");
  Daemon daemon(directory.path());
  std::vector<Row> rows;
  std::uint64_t committed = 0;  // by the coordinator
  for (const int clients : options.clients) {
    Contest contest(banks, daemon, clients, directory.path(), progress);
    const auto read_cpu = [&] {
      return ReadCpuTimes(daemon.process(), banks.servers(), contest.services());
    };
    for (int round = 1; round <= options.rounds; ++round) {
      for (Variant* const variant : contest.variants()) {
        progress(fmt::format("{}, {} clients, round {} of {}", variant->series.name, clients, round,
                             options.rounds));
        banks.Checkpoint();
        const Run run = Measure(variant->clients, options.window, read_cpu, stop);
        variant->Add(run);
        banks.Check(run.all, stop);
        log.Run("DELETE FROM decision", "DELETE 0");  // nothing is left to be committed
        if (!variant->by_settle) continue;
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
