// What the SDK adds to the coordinator's own cost, and how it shares the way there among a
// program's threads: transactions through its public API whose branches do nothing, against the
// same two calls by a plain Thrift client with a connection for each thread.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/daemon.h"
#include "bench/no_op_client.h"
#include "bench/no_op_participant.h"
#include "bench/or_throw.h"
#include "bench/settle_program.h"
#include "bench/suites.h"
#include "settle/coordinator.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr const char* kDurable = "its decision is durable in the log";

class NoOpBranch final : public Branch {
 public:
  VoteResult AwaitPrepare() override { return {Vote::kCommit, {}, {}, false}; }
  FinishResult AwaitFinish(Decision decision) override {
    return {decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted, {}};
  }
  void Fence() override {}
};

class NoOpResource final : public Resource {
 public:
  using BranchType = NoOpBranch;

  explicit NoOpResource(std::string name) : name_(std::move(name)) {}

  Result<std::shared_ptr<NoOpBranch>> Open(const BranchKey&) {
    return std::make_shared<NoOpBranch>();
  }
  const std::string& name() const override { return name_; }
  Result<std::string> Identify() override { return "no-op:" + name_; }
  FinishResult Finish(const BranchKey&, Decision decision, const Evidence&) override {
    return NoOpBranch().AwaitFinish(decision);
  }
  Result<std::vector<std::string>> ScanPrepared() override { return std::vector<std::string>(); }

 private:
  const std::string name_;
};

// One program, whatever the number of its threads.
class NoOpProgram {
 public:
  NoOpProgram(const Daemon& daemon, const Progress& progress) {
    for (const char* const name : {"sdk-a", "sdk-b"}) {
      resources_.push_back(std::make_shared<NoOpResource>(name));
    }
    CoordinatorOptions options;
    // As the plain clients, not by the Unix socket.
    options.addresses = {"127.0.0.1:" + std::to_string(daemon.port())};
    options.application = "settle-bench";
    options.resources.assign(resources_.begin(), resources_.end());
    options.warn = progress;
    coordinator_ = OrThrow(Coordinator::Connect(std::move(options)));
  }

  void Transaction() {
    auto transaction = OrThrow(coordinator_->Begin());
    for (const auto& resource : resources_) OrThrow(transaction.Enlist(*resource));
    CommitOrThrow(transaction, Wait::kApplied);
  }

 private:
  std::vector<std::shared_ptr<NoOpResource>> resources_;
  std::unique_ptr<Coordinator> coordinator_;
};

}  // namespace

std::vector<Row> MeasureSdk(const SuiteOptions& options, const Progress& progress,
                            const Stop& stop) {
  const testing::TemporaryDirectory directory(options.directory);
  Daemon daemon(directory.path());
  std::vector<Row> rows;
  std::uint64_t committed = 0;
  {
    NoOpParticipant participant(daemon.port());
    NoOpProgram program(daemon, progress);
    for (const int count : options.clients) {
      Series by_thrift{"sdk.plain_client", "transactions/s", kDurable, count, {}};
      Series by_sdk{"sdk.transaction", "transactions/s", kDurable, count, {}};
      std::vector<std::unique_ptr<NoOpClient>> clients;
      std::vector<Operation> plain;
      for (int i = 0; i < count; ++i) {
        NoOpClient& client =
            *clients.emplace_back(std::make_unique<NoOpClient>(daemon.port(), participant));
        plain.emplace_back([&client] { client.Transaction(); });
      }
      const std::vector<Operation> through_sdk(static_cast<std::size_t>(count),
                                               [&program] { program.Transaction(); });
      const auto measure = [&](const std::vector<Operation>& operations) {
        const Run run = Measure(
            operations, options.window, [&] { return ReadCpuTimes(daemon.process(), {}); }, stop);
        committed += run.all;
        AwaitAllEnded(daemon.port(), {.committed = committed}, stop);
        return run;
      };
      for (int round = 1; round <= options.rounds; ++round) {
        progress(fmt::format("sdk, {} clients, round {} of {}", count, round, options.rounds));
        by_thrift.runs.push_back(measure(plain));
        by_sdk.runs.push_back(measure(through_sdk));
        participant.CheckAlive();
      }
      rows.push_back(RowOf(by_thrift));
      rows.push_back(RowOf(by_sdk, by_thrift));
    }
  }
  daemon.Stop();
  return rows;
}

}  // namespace settle::bench
