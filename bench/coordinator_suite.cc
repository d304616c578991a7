// What the coordinator itself costs: durable transactions whose branches do nothing, against empty
// calls on the same connections.
#include <fmt/format.h>

#include <memory>
#include <stdexcept>

#include "bench/daemon.h"
#include "bench/no_op_participant.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "support/temporary_directory.h"
#include "wire/types_constants.h"

namespace settle::bench {
namespace {

// begin and commit. Ends are reported in batches and are not counted.
constexpr int kCallsPerTransaction = 2;

class Client {
 public:
  Client(std::uint16_t port, NoOpParticipant& participant)
      : wire_(port), participant_(participant) {}

  // The handler checks the version and answers from memory: no shard, no log.
  void EmptyCall() {
    wire::HelloRequest request;
    request.version_low = request.version_high = wire::g_types_constants.PROTOCOL_VERSION;
    wire::HelloReply reply;
    wire_.coordinator.hello(reply, request);
  }

  void Transaction() {
    wire::BeginRequest begin;
    begin.__set_own_branches(static_cast<std::int32_t>(std::size(kNoOpResources)));
    begin.__set_session(participant_.session());
    wire::BeginReply begun;
    wire_.coordinator.begin_transaction(begun, begin);
    wire::CommitRequest commit;
    commit.gtid = begun.gtid;
    commit.__isset.branches = true;
    for (const char* resource : kNoOpResources) Prepared(resource, commit);
    commit.wait = wire::Wait::DECISION;
    wire::CommitReply reply;
    wire_.coordinator.commit(reply, commit);
    if (reply.ending.outcome != wire::Outcome::COMMITTED) {
      throw std::runtime_error("a transaction was not committed: " + reply.ending.reason);
    }
    participant_.ReportCommitted(begun.gtid);
  }

 private:
  // A branch that the client numbered itself, and its vote.
  static void Prepared(const std::string& resource, wire::CommitRequest& commit) {
    wire::OwnBranch& branch = commit.branches.emplace_back();
    branch.number = static_cast<std::int32_t>(commit.branches.size());
    branch.resource = resource;
    wire::BranchVote& vote = commit.votes.emplace_back();
    vote.branch = branch.number;
    vote.vote = wire::Vote::COMMIT;
    vote.evidence.database = "no-op:" + resource;
  }

  WireClient wire_;
  NoOpParticipant& participant_;
};

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
      std::vector<std::unique_ptr<Client>> clients;
      std::vector<Operation> empty_calls;
      std::vector<Operation> whole_transactions;
      for (int i = 0; i < count; ++i) {
        Client& client =
            *clients.emplace_back(std::make_unique<Client>(daemon.port(), participant));
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
