// What the coordinator itself costs: durable transactions whose branches do nothing, against empty
// calls on the same connections.
#include <fmt/format.h>

#include <memory>

#include "bench/daemon.h"
#include "bench/no_op_client.h"
#include "bench/no_op_participant.h"
#include "bench/suites.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

// begin and commit. Ends are reported in batches and are not counted.
constexpr int kCallsPerTransaction = 2;

}  // namespace

std::vector<Row> MeasureCoordinator(const SuiteOptions& options, const Progress& progress,
                                    const Stop& stop) {
  const testing::TemporaryDirectory directory(options.directory);
  Daemon daemon(directory.path());
  const auto read_cpu = [&] { return ReadCpuTimes(daemon.process(), {}); };
  std::vector<Row> rows;
  std::uint64_t committed = 0;
  {
    NoOpParticipant participant(daemon.port());
    for (const int count : options.clients) {
      Series calls{"coordinator.empty_call", "calls/s", "the call 'hello' is answered", count, {}};
      Series transactions{"coordinator.transaction",
                          "transactions/s",
                          "its decision is durable in the log",
                          count,
                          {}};
      std::vector<std::unique_ptr<NoOpClient>> clients;
      std::vector<Operation> empty_calls;
      std::vector<Operation> whole_transactions;
      for (int i = 0; i < count; ++i) {
        NoOpClient& client =
            *clients.emplace_back(std::make_unique<NoOpClient>(daemon.port(), participant));
        empty_calls.emplace_back([&client] { client.EmptyCall(); });
        whole_transactions.emplace_back([&client] { client.Transaction(); });
      }
      for (int round = 1; round <= options.rounds; ++round) {
        progress(
            fmt::format("coordinator, {} clients, round {} of {}", count, round, options.rounds));
        calls.runs.push_back(Measure(empty_calls, options.window, read_cpu, stop));
        transactions.runs.push_back(Measure(whole_transactions, options.window, read_cpu, stop));
        committed += transactions.runs.back().all;
        participant.CheckAlive();
        AwaitAllEnded(daemon.port(), {.committed = committed}, stop);
      }
      rows.push_back(RowOf(calls));
      rows.push_back(RowOf(transactions, calls));
      rows.push_back(RowOf(
          Scaled(transactions, kCallsPerTransaction, "coordinator.its_calls", "calls/s"), calls));
    }
  }
  daemon.Stop();
  return rows;
}

}  // namespace settle::bench
