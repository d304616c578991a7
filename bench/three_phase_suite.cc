// What three-phase commit costs beside two-phase commit: the same transfers, with two branches and
// with three, and what each forces to disk and sends.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "bench/banks.h"
#include "bench/daemon.h"
#include "bench/or_throw.h"
#include "bench/settle_program.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "settle/postgres_barrier.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr int kBanks = 3;
// So many transactions at least, lest what a server forces for itself counts for much.
constexpr std::uint64_t kCountedLeast = 50;
constexpr const char* kAcknowledged = "the decision is durable, and all branches have committed";

struct Kind {
  const char* name;
  Way way;
  int branches;
};

// Those of as many branches one after the other, the one that the others are compared with first.
constexpr Kind kKinds[] = {{"three_phase.2pc_2", Way::kCallerPrepares, 2},
                           {"three_phase.2pc_left_2", Way::kServicePrepares, 2},
                           {"three_phase.3pc_2", Way::kThreePhase, 2},
                           {"three_phase.2pc_3", Way::kCallerPrepares, 3},
                           {"three_phase.2pc_left_3", Way::kServicePrepares, 3},
                           {"three_phase.3pc_3", Way::kThreePhase, 3}};
constexpr std::size_t kKindsOfOneSize = 3;

Series SeriesOf(const Kind& kind, int clients) {
  return {kind.name, "transactions/s", kAcknowledged, clients, {}};
}

std::vector<Operation> ClientsOf(const Kind& kind, SettleProgram& program,
                                 std::vector<Transfers>& transfers) {
  std::vector<Operation> clients;
  for (Transfers& own : transfers) {
    clients.emplace_back([&program, &own, branches = kind.branches] {
      program.Move(own.Next(), branches, Wait::kApplied);
    });
  }
  return clients;
}

std::vector<Transfers> TransfersOf(int clients) {
  std::vector<Transfers> transfers;
  for (int client = 0; client < clients; ++client) transfers.emplace_back(client, clients);
  return transfers;
}

// What the transactions of one kind did.
struct Counted {
  Run run;
  std::vector<std::uint64_t> syncs;  // by bank; empty: not known
  wire::StatusReply before;
  wire::StatusReply after;
};

std::vector<Row> RowsOf(const Kind& kind, const Counted& counted) {
  std::vector<Row> rows;
  const auto add = [&](const char* what, const char* unit, const std::vector<double>& counts) {
    Series series = SeriesOf(kind, 1);
    series.name += what;
    series.unit = unit;
    for (const double count : counts) {
      series.runs.push_back(counted.run);
      series.runs.back().per_second = count / static_cast<double>(counted.run.all);
    }
    rows.push_back(RowOf(series));
  };
  const auto grown = [&](std::int64_t wire::StatusReply::*counter) {
    return static_cast<double>(counted.after.*counter - counted.before.*counter);
  };
  if (!counted.syncs.empty()) {
    add("_syncs", "syncs/site", {counted.syncs.begin(), counted.syncs.begin() + kind.branches});
  }
  add("_forced", "records/commit", {grown(&wire::StatusReply::log_records_forced)});
  add("_flushes", "flushes/commit", {grown(&wire::StatusReply::log_flushes)});
  add("_messages", "messages/site",
      {(grown(&wire::StatusReply::commands_sent) + grown(&wire::StatusReply::reports_taken)) /
       kind.branches});
  return rows;
}

class ThreePhase {
 public:
  ThreePhase(const SuiteOptions& options, const Progress& progress, const Stop& stop)
      : options_(options),
        progress_(progress),
        stop_(stop),
        directory_(options.directory),
        banks_(options.directory, options.postgres_binaries,
               *std::max_element(options.clients.begin(), options.clients.end()), kBanks),
        daemon_(directory_.path()) {
    for (int bank = 0; bank < kBanks; ++bank) OrThrow(PostgresBarrier::Install(banks_.dsn(bank)));
  }

  std::vector<Row> Measure() {
    std::vector<Row> rows;
    for (const int clients : options_.clients) {
      for (Row& row : Race(clients)) rows.push_back(std::move(row));
    }
    banks_.LetLazyWritesRest();
    for (const Kind& kind : kKinds) {
      for (Row& row : Count(kind)) rows.push_back(std::move(row));
    }
    daemon_.Stop();
    return rows;
  }

 private:
  // One run, after which everything is as it was acknowledged.
  Run RunOnce(const Kind& kind, const std::vector<Operation>& clients) {
    const auto read_cpu = [&] { return ReadCpuTimes(daemon_.process(), banks_.servers()); };
    const Run run = bench::Measure(clients, options_.window, read_cpu, stop_);
    banks_.Check(run.all, stop_, kind.branches);
    ended_.committed += run.all;
    return run;
  }

  wire::StatusReply AwaitEnds() { return AwaitAllEnded(daemon_.port(), ended_, stop_); }

  // All kinds in turn, for so many clients.
  std::vector<Row> Race(int clients) {
    SettleProgram caller(banks_, daemon_, clients, Way::kCallerPrepares, progress_);
    SettleProgram service(banks_, daemon_, clients, Way::kServicePrepares, progress_);
    SettleProgram sites(banks_, daemon_, clients, Way::kThreePhase, progress_);
    const auto program_of = [&](Way way) -> SettleProgram& {
      return way == Way::kCallerPrepares ? caller : way == Way::kThreePhase ? sites : service;
    };
    std::vector<Transfers> transfers = TransfersOf(clients);
    std::vector<Series> all;
    for (const Kind& kind : kKinds) all.push_back(SeriesOf(kind, clients));
    for (int round = 1; round <= options_.rounds; ++round) {
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Kind& kind = kKinds[i];
        progress_(fmt::format("{}, {} clients, round {} of {}", kind.name, clients, round,
                              options_.rounds));
        banks_.Checkpoint();
        all[i].runs.push_back(RunOnce(kind, ClientsOf(kind, program_of(kind.way), transfers)));
        AwaitEnds();
      }
    }
    std::vector<Row> rows;
    for (std::size_t i = 0; i < all.size(); i += kKindsOfOneSize) {
      rows.push_back(RowOf(all[i]));
      rows.push_back(RowOf(all[i + 1], all[i]));
      rows.push_back(RowOf(all[i + 2], all[i]));
      rows.push_back(RowOf(all[i + 2], all[i + 1]));
    }
    return rows;
  }

  // One client, so that nothing that is forced is shared. The program comes and goes with it:
  // a server counts what a session forced when the session is over. While an older transaction is
  // undecided sites keep their records: removing them is forced, and comes with the time that
  // passes and not with what is committed.
  std::vector<Row> Count(const Kind& kind) {
    progress_(fmt::format("{}, what it writes and sends", kind.name));
    banks_.Checkpoint();
    const std::vector<std::uint64_t> synced = banks_.ForcedWrites(stop_);
    if (synced.empty()) progress_("this PostgreSQL does not say how often it waits for its log");
    std::vector<Transfers> transfers = TransfersOf(1);
    Counted counted;
    {
      SettleProgram program(banks_, daemon_, 1, kind.way, progress_);
      counted.before = AwaitEnds();
      {
        const GlobalTransaction oldest = program.BeginEmpty();
        while (counted.run.all < kCountedLeast) {
          const Run before = counted.run;
          counted.run = RunOnce(kind, ClientsOf(kind, program, transfers));
          counted.run.all += before.all;
          counted.run.counted += before.counted;
        }
      }
      ++ended_.aborted;
      counted.after = AwaitEnds();
    }
    const std::vector<std::uint64_t> synced_after = banks_.ForcedWrites(stop_);
    for (std::size_t bank = 0; bank < synced.size(); ++bank) {
      counted.syncs.push_back(synced_after.at(bank) - synced[bank]);
    }
    return RowsOf(kind, counted);
  }

  const SuiteOptions& options_;
  const Progress& progress_;
  const Stop& stop_;
  const testing::TemporaryDirectory directory_;
  Banks banks_;
  Daemon daemon_;
  Ended ended_;  // by the coordinator
};

}  // namespace

std::vector<Row> MeasureThreePhase(const SuiteOptions& options, const Progress& progress,
                                   const Stop& stop) {
  progress("three_phase: making three clusters");
  return ThreePhase(options, progress, stop).Measure();
}

}  // namespace settle::bench
