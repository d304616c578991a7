// What the coordinator itself costs: durable transactions whose branches do nothing, against empty
// calls on the same connections, against SQLite alone, and over TLS.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>

#include "bench/bare_sqlite.h"
#include "bench/daemon.h"
#include "bench/in_flight_client.h"
#include "bench/no_op_client.h"
#include "bench/no_op_participant.h"
#include "bench/suites.h"
#include "log/record_codec.h"
#include "support/certificates.h"
#include "support/long_log.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

// begin and commit. Ends are reported in batches and are not counted.
constexpr int kCallsPerTransaction = 2;
constexpr int kConnections = 4;
constexpr int kInFlight = 64;  // on each
constexpr int kBatch = 256;
constexpr const char* kDurable = "its decision is durable in the log";

template <typename Record>
std::string BytesOf(const Record& record) {
  auto bytes = coordinator::EncodeRecord(record);
  if (!bytes) throw std::runtime_error(Describe(bytes.error()));
  return *std::move(bytes);
}

// What `settled` with TLS asks for: who may do what. The benchmark's certificate may do everything.
std::string WriteRules(const testing::TemporaryDirectory& directory) {
  const std::string path = directory / "rules.json";
  std::ofstream(path) << R"({"rules": [{"who": "cn:settle-bench",
                             "roles": ["application", "participant", "admin"],
                             "resources": ["no-op-a", "no-op-b"]}]})";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  return path;
}

// A daemon with a participant.
class Side {
 public:
  Side(const SuiteOptions& options, const Stop& stop, const std::vector<std::string>& more = {},
       Endpoint::Tls tls = nullptr)
      : options_(options),
        stop_(stop),
        directory_(options.directory),
        daemon_(directory_.path(), more),
        endpoint_(daemon_.port(), std::move(tls)),
        participant_(std::make_unique<NoOpParticipant>(endpoint_)) {}

  NoOpParticipant& participant() { return *participant_; }
  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& directory() const { return directory_.path(); }

  Run Measure(const std::vector<TimedOperation>& operations) const {
    return MeasureTimed(
        operations, options_.window, [this] { return ReadCpuTimes(daemon_.process(), {}); }, stop_);
  }
  Run Measure(const std::vector<Operation>& operations) const {
    return bench::Measure(
        operations, options_.window, [this] { return ReadCpuTimes(daemon_.process(), {}); }, stop_);
  }

  // So many more were acknowledged as committed.
  void Check(std::uint64_t committed) {
    committed_ += committed;
    participant_->CheckAlive();
    AwaitAllEnded(endpoint_, {.committed = committed_}, stop_);
  }

  void End() {
    participant_.reset();
    daemon_.Stop();
  }

 private:
  const SuiteOptions& options_;
  const Stop& stop_;
  const testing::TemporaryDirectory directory_;
  Daemon daemon_;
  const Endpoint endpoint_;
  std::unique_ptr<NoOpParticipant> participant_;
  std::uint64_t committed_ = 0;
};

// Clients of one side that wait for each reply, and what they showed.
struct Waiting {
  Waiting(Side& served, int count, const std::string& prefix)
      : side(served),
        calls{
            "coordinator." + prefix + "call", "calls/s", "the call 'hello' is answered", count, {}},
        transactions{
            "coordinator." + prefix + "transaction", "transactions/s", kDurable, count, {}} {
    for (int i = 0; i < count; ++i) {
      NoOpClient& client =
          *clients.emplace_back(std::make_unique<NoOpClient>(side.endpoint(), side.participant()));
      empty_calls.emplace_back([&client] { client.EmptyCall(); });
      whole_transactions.emplace_back([&client] { client.Transaction(); });
    }
  }

  void Measure() {
    calls.runs.push_back(side.Measure(empty_calls));
    transactions.runs.push_back(side.Measure(whole_transactions));
    side.Check(transactions.runs.back().all);
  }

  Side& side;
  Series calls;
  Series transactions;
  std::vector<std::unique_ptr<NoOpClient>> clients;
  std::vector<Operation> empty_calls;
  std::vector<Operation> whole_transactions;
};

class CoordinatorAlone {
 public:
  CoordinatorAlone(const SuiteOptions& options, const Progress& progress, const Stop& stop)
      : options_(options),
        progress_(progress),
        certificates_(options.directory),
        authority_(certificates_),
        own_(authority_.Issue("settled")),
        plain_(options, stop),
        tls_(options, stop,
             {"--tls-ca", own_.ca, "--tls-certificate", own_.certificate, "--tls-key", own_.key,
              "--access", WriteRules(certificates_)},
             TlsWith(authority_.Issue("settle-bench"))) {}

  std::vector<Row> Measure() {
    std::set<int> counts(options_.clients.begin(), options_.clients.end());
    counts.insert({1, 128});  // have targets of their own
    for (const int count : counts) MeasureWaiting(count);
    MeasureInFlight();
    plain_.End();
    tls_.End();
    return std::move(rows_);
  }

 private:
  void Say(const std::string& what, int round) const {
    progress_(fmt::format("coordinator, {}, round {} of {}", what, round, options_.rounds));
  }

  void MeasureWaiting(int count) {
    Waiting plain(plain_, count, "");
    plain.calls.name = "coordinator.empty_call";
    Waiting tls(tls_, count, "tls_");
    Series flushes{"coordinator.flush", "flushes/s", "one record is on disk", 1, {}};
    const std::string decision = BytesOf(Decision());
    const testing::TemporaryDirectory directory(options_.directory);
    BareSqlite sqlite(directory.path(), {decision});
    for (int round = 1; round <= options_.rounds; ++round) {
      Say(fmt::format("{} clients", count), round);
      plain.Measure();
      tls.Measure();
      if (count == 1) {
        flushes.runs.push_back(plain_.Measure(std::vector<Operation>{[&] { sqlite.Write(1); }}));
      }
    }
    rows_.push_back(RowOf(plain.calls));
    rows_.push_back(RowOf(plain.transactions, plain.calls));
    rows_.push_back(
        RowOf(Scaled(plain.transactions, kCallsPerTransaction, "coordinator.its_calls", "calls/s"),
              plain.calls));
    rows_.push_back(RowOf(tls.calls, plain.calls));
    rows_.push_back(RowOf(tls.transactions, plain.transactions));
    if (count == 1) AddParts(plain, flushes);
  }

  // What a transaction of one caller cannot do without, each part measured alone.
  void AddParts(const Waiting& waiting, const Series& flushes) {
    std::vector<double> sums;
    for (std::size_t i = 0; i < flushes.runs.size(); ++i) {
      sums.push_back(waiting.calls.runs[i].p50_us + flushes.runs[i].p50_us);
    }
    Series parts = waiting.calls;
    parts.name = "coordinator.call_and_flush";
    parts = Counted(std::move(parts), sums, "_p50", "us");
    rows_.push_back(RowOf(flushes));
    rows_.push_back(RowOf(parts));
    rows_.push_back(RowOf(LatencyOf(waiting.transactions), parts));
  }

  coordinator::CommitRecord Decision() const {
    return testing::DecisionOfTransfer(Gtid::Make("k3m9qxw4c7ab", 1, 1'000'000, 0x9f3c2a51));
  }

  // Few connections, each with many transactions in flight, against the records that these leave.
  void MeasureInFlight() {
    const testing::TemporaryDirectory directory(options_.directory);
    const testing::TemporaryDirectory other_directory(options_.directory);
    const coordinator::CommitRecord decision = Decision();
    BareSqlite decisions(directory.path(), {BytesOf(decision)});
    BareSqlite all(other_directory.path(),
                   {BytesOf(decision), BytesOf(testing::EndOfTransfer(decision.gtid))});
    std::vector<std::unique_ptr<InFlightClient>> clients;
    std::vector<TimedOperation> operations;
    for (int i = 0; i < kConnections; ++i) {
      InFlightClient& client = *clients.emplace_back(
          std::make_unique<InFlightClient>(plain_.endpoint(), plain_.participant(), kInFlight));
      operations.emplace_back([&client] { return client.Next(); });
    }
    Series decided{"coordinator.sqlite_decisions_256", "", "all of its batch are on disk", 1, {}};
    Series logged{"coordinator.sqlite_256", "", "all of its batch are on disk", 1, {}};
    Series in_flight{"coordinator.in_flight", "transactions/s", kDurable, kConnections, {}};
    for (int round = 1; round <= options_.rounds; ++round) {
      Say(fmt::format("{} in flight on {} connections", kInFlight, kConnections), round);
      const auto write = [&](BareSqlite& sqlite) {
        return plain_.Measure(std::vector<Operation>{[&] { sqlite.Write(kBatch); }});
      };
      decided.runs.push_back(write(decisions));
      logged.runs.push_back(write(all));
      in_flight.runs.push_back(plain_.Measure(operations));
      std::uint64_t committed = in_flight.runs.back().all;
      for (const auto& client : clients) committed += client->Drain();
      plain_.Check(committed);
    }
    const auto transactions = [](const Series& batches) {
      return Scaled(batches, kBatch, batches.name, "transactions/s");
    };
    rows_.push_back(RowOf(transactions(decided)));
    rows_.push_back(RowOf(transactions(logged)));
    rows_.push_back(RowOf(in_flight, transactions(logged)));
    rows_.push_back(RowOf(in_flight, transactions(decided)));
  }

  const SuiteOptions& options_;
  const Progress& progress_;
  const testing::TemporaryDirectory certificates_;
  const testing::Authority authority_;
  const channel::TlsFiles own_;
  Side plain_;
  Side tls_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> MeasureCoordinator(const SuiteOptions& options, const Progress& progress,
                                    const Stop& stop) {
  return CoordinatorAlone(options, progress, stop).Measure();
}

}  // namespace settle::bench
