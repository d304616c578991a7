// How it goes with many: open transactions, idle connections, branches, participants, transactions
// in doubt at a start; and what a dead participant and an idle daemon cost.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bench/daemon.h"
#include "bench/no_op_client.h"
#include "bench/no_op_participant.h"
#include "bench/or_throw.h"
#include "bench/scale_load.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "log/sqlite_decision_log.h"
#include "support/long_log.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::int64_t kNeverMs = 24 * 3'600'000;  // the longest time-out that settled takes
constexpr std::uint64_t kKeptMost = 1'000'000'000;
constexpr std::chrono::seconds kLongStart{1'200};  // reads a log of many gigabytes twice
// Nothing is refused for being many, and nobody is taken for lost.
const std::vector<std::string> kRoom{
    "--max-open-transactions", "4000000", "--max-undecided-per-owner", "4000000",
    "--max-connections",       "40000",   "--session-timeout",         "1h",
    "--idle-timeout",          "24h"};

Row Figure(const std::string& name, const std::string& unit, double value, std::uint64_t count) {
  return {.name = "scale." + name,
          .unit = unit,
          .acknowledged = {},
          .clients = kClients,
          .rounds = 1,
          .count = count,
          .value = {value, value, value},
          .against = {},
          .ratio = std::nullopt,
          .cpu_us = {}};
}

Series Throughput(const std::string& name, int clients = kClients) {
  return {"scale." + name, "transactions/s", "its decision is durable in the log", clients, {}};
}

// A daemon is killed before its participants go: these notice at once that it is gone.
class Scale {
 public:
  Scale(const SuiteOptions& options, const Progress& progress, const Stop& stop)
      : options_(options), progress_(progress), stop_(stop) {}

  std::vector<Row> Measure() {
    MeasureClients();
    MeasureFinished();
    MeasureOpen();
    MeasureConnections();
    MeasureBranches();
    MeasureParticipants();
    MeasureDeadParticipant();
    MeasureIdleDaemon();
    for (const std::uint64_t full : {1'000, 10'000, 100'000}) MeasureInDoubt(Sized(full));
    return std::move(rows_);
  }

 private:
  std::uint64_t Sized(std::uint64_t full) const {
    return std::max<std::uint64_t>(1, full * static_cast<std::uint64_t>(options_.percent) / 100);
  }

  Run MeasureLoad(const Load& load, NoOpParticipant& participant) const {
    Run run = load.Measure(options_, stop_);
    participant.CheckAlive();
    return run;
  }

  void MeasureClients() {
    const testing::TemporaryDirectory directory(options_.directory);
    Daemon daemon(directory.path(), kRoom);
    NoOpParticipant participant(daemon.port());
    for (int clients = 1; clients <= 512; clients *= 2) {
      progress_(fmt::format("scale, {} clients", clients));
      Load load(daemon, clients);
      for (int i = 0; i < clients; ++i) load.Add(participant, kNoOpResources);
      Series series = Throughput(fmt::format("clients_{}", clients), clients);
      for (int round = 0; round < options_.rounds; ++round) {
        series.runs.push_back(MeasureLoad(load, participant));
      }
      rows_.push_back(RowOf(series));
    }
    daemon.Kill();
  }

  // A log of a long life, and an empty one. Two daemons, in turns.
  void MeasureFinished() {
    const std::uint64_t many = Sized(10'000'000);
    const testing::TemporaryDirectory directory(options_.directory);
    const testing::TemporaryDirectory empty_directory(options_.directory);
    FillLogIn(directory.path(), many);
    progress_(fmt::format("scale, a daemon starts with {} finished transactions", many));
    const Clock::time_point started = Clock::now();
    std::vector<std::string> all_kept = kRoom;
    all_kept.insert(all_kept.end(), {"--keep-ended", std::to_string(kKeptMost)});
    Daemon daemon(directory.path(), all_kept, kLongStart);
    const Seconds serving = Clock::now() - started;
    Daemon empty_daemon(empty_directory.path(), kRoom);
    NoOpParticipant participant(daemon.port());
    NoOpParticipant empty_participant(empty_daemon.port());
    Load load(daemon, kClients);
    Load empty_load(empty_daemon, kClients);
    for (int i = 0; i < kClients; ++i) {
      load.Add(participant, kNoOpResources);
      empty_load.Add(empty_participant, kNoOpResources);
    }
    Series none = Throughput("with_0_finished");
    Series with = Throughput(fmt::format("with_{}_finished", many));
    for (int round = 1; round <= options_.rounds; ++round) {
      progress_(fmt::format("scale, {} finished transactions, round {}", many, round));
      none.runs.push_back(MeasureLoad(empty_load, empty_participant));
      with.runs.push_back(MeasureLoad(load, participant));
    }
    rows_.push_back(RowOf(none));
    rows_.push_back(RowOf(with, none));
    rows_.push_back(
        Figure(fmt::format("serving_{}_finished", many), "seconds", serving.count(), many));
    daemon.Kill();
    empty_daemon.Kill();
  }

  // By the code that ships, in this process.
  void FillLogIn(const std::string& directory, std::uint64_t count) const {
    const auto log = OrThrow(coordinator::OpenSqliteDecisionLog(
        {.path = LogIn(directory), .prune = {.keep_ended = kKeptMost}}));
    constexpr std::uint64_t kPortion = 100'000;
    for (std::uint64_t done = 0; done < count; done += kPortion) {
      if (done % (10 * kPortion) == 0) {
        progress_(fmt::format("scale, {} of {} finished transactions are written", done, count));
      }
      testing::FillLog(*log, done + 1, std::min(kPortion, count - done));
      if (stop_) throw Interrupted{};
    }
  }

  // Memory of a transaction that is open, and whether those that are make others slow.
  void MeasureOpen() {
    const testing::TemporaryDirectory directory(options_.directory);
    Daemon daemon(directory.path(), kRoom);
    NoOpParticipant participant(daemon.port());
    Load load(daemon, kClients);
    for (int i = 0; i < kClients; ++i) load.Add(participant, kNoOpResources);
    std::uint64_t open = 0;
    std::uint64_t bytes_of_none = 0;
    Series none = Throughput("with_0_open");
    for (const std::uint64_t full : {0, 1'000, 10'000, 100'000, 1'000'000}) {
      const std::uint64_t wanted = full == 0 ? 0 : Sized(full);
      progress_(fmt::format("scale, {} open transactions", wanted));
      Repeat(
          daemon, participant, wanted - open, [](NoOpClient& client) { client.Open(kNeverMs); },
          stop_);
      open = wanted;
      Series series = open == 0 ? none : Throughput(fmt::format("with_{}_open", open));
      const std::uint64_t bytes = daemon.resident_bytes();
      for (int round = 0; round < options_.rounds; ++round) {
        series.runs.push_back(MeasureLoad(load, participant));
      }
      if (open == 0) {
        none = series;
        bytes_of_none = daemon.resident_bytes();
        rows_.push_back(RowOf(series));
        continue;
      }
      rows_.push_back(RowOf(series, none));
      const double each = (static_cast<double>(bytes) - static_cast<double>(bytes_of_none)) /
                          static_cast<double>(open);
      rows_.push_back(Figure(fmt::format("memory_{}_open", open), "bytes each", each, open));
    }
    daemon.Kill();
  }

  // Connections that have said hello and nothing since.
  void MeasureConnections() {
    const testing::TemporaryDirectory directory(options_.directory);
    Daemon daemon(directory.path(), kRoom);
    NoOpParticipant participant(daemon.port());
    Load load(daemon, kClients);
    for (int i = 0; i < kClients; ++i) load.Add(participant, kNoOpResources);
    const std::uint64_t many = Sized(10'000);
    Series none = Throughput("with_0_idle");
    Series with = Throughput(fmt::format("with_{}_idle", many));
    for (int round = 1; round <= options_.rounds; ++round) {
      none.runs.push_back(MeasureLoad(load, participant));
      progress_(fmt::format("scale, {} idle connections, round {}", many, round));
      std::vector<std::unique_ptr<NoOpClient>> idle;
      for (std::uint64_t i = 0; i < many && !stop_; ++i) {
        idle.push_back(std::make_unique<NoOpClient>(daemon.port(), participant));
        idle.back()->EmptyCall();
      }
      with.runs.push_back(MeasureLoad(load, participant));
      if (round < options_.rounds) continue;
      rows_.push_back(RowOf(none));
      rows_.push_back(RowOf(with, none));
      rows_.push_back(Figure(fmt::format("memory_{}_idle", many), "MiB in all",
                             static_cast<double>(daemon.resident_bytes()) / 1'048'576, many));
    }
    daemon.Kill();
  }

  void MeasureBranches() {
    const testing::TemporaryDirectory directory(options_.directory);
    Daemon daemon(directory.path(), kRoom);
    NoOpParticipant participant(daemon.port());
    for (const int branches : {1, 2, 4, 8, 16}) {
      progress_(fmt::format("scale, {} branches", branches));
      std::vector<std::string> resources;
      for (int i = 0; i < branches; ++i) {
        resources.push_back(kNoOpResources[static_cast<std::size_t>(i) % kNoOpResources.size()]);
      }
      Load load(daemon, kClients);
      for (int i = 0; i < kClients; ++i) load.Add(participant, resources);
      Series series = Throughput(fmt::format("branches_{}", branches));
      for (int round = 0; round < options_.rounds; ++round) {
        series.runs.push_back(MeasureLoad(load, participant));
      }
      rows_.push_back(RowOf(series));
    }
    daemon.Kill();
  }

  // Each has a session and two resources; a client keeps to one of them.
  void MeasureParticipants() {
    for (const int count : {1, 4, 16, 64}) {
      progress_(fmt::format("scale, {} participants", count));
      const testing::TemporaryDirectory directory(options_.directory);
      Daemon daemon(directory.path(), kRoom);
      const Crowd crowd(daemon, count);
      Series series = Throughput(fmt::format("participants_{}", count));
      for (int round = 0; round < options_.rounds; ++round) {
        series.runs.push_back(crowd.load.Measure(options_, stop_));
      }
      rows_.push_back(RowOf(series));
      daemon.Kill();
    }
  }

  // One of 64 died with transactions decided that it has not carried out. Two daemons, in turns: in
  // one of them nobody is dead.
  void MeasureDeadParticipant() {
    const std::uint64_t left = Sized(1'000);
    const testing::TemporaryDirectory directory(options_.directory);
    const testing::TemporaryDirectory sound_directory(options_.directory);
    Daemon daemon(directory.path(), kRoom);
    Daemon sound_daemon(sound_directory.path(), kRoom);
    const Crowd crowd(daemon, 63);
    const Crowd sound_crowd(sound_daemon, 64);
    NoOpParticipant dead(daemon.port(), kNoOpResources, NoOpParticipant::Life::kDead);
    Repeat(
        daemon, dead, left, [](NoOpClient& client) { client.Decide(client.Open()); }, stop_);
    Series none = Throughput("with_none_dead");
    Series with = Throughput("with_one_dead");
    for (int round = 1; round <= options_.rounds; ++round) {
      progress_(fmt::format("scale, one of 64 participants dead, round {}", round));
      none.runs.push_back(sound_crowd.load.Measure(options_, stop_));
      with.runs.push_back(crowd.load.Measure(options_, stop_));
    }
    rows_.push_back(RowOf(none));
    rows_.push_back(RowOf(with, none));
    daemon.Kill();
    sound_daemon.Kill();
  }

  // With a participant whose fetch is parked.
  void MeasureIdleDaemon() {
    progress_("scale, an idle daemon");
    const testing::TemporaryDirectory directory(options_.directory);
    Daemon daemon(directory.path());
    const NoOpParticipant participant(daemon.port(), kNoOpResources,
                                      NoOpParticipant::Life::kPatient);
    const Clock::time_point from = Clock::now();
    const double before = ReadCpuTimes(daemon.process(), {}).coordinator;
    while (Clock::now() - from < 5 * options_.window) {
      if (stop_) throw Interrupted{};
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const double used_us = ReadCpuTimes(daemon.process(), {}).coordinator - before;
    const double took_us = Seconds(Clock::now() - from).count() * 1e6;
    rows_.push_back(Figure("idle_daemon", "% of a core", 100 * used_us / took_us, 1));
    daemon.Kill();
  }

  // Decided, and a power failure before anybody was told.
  void MeasureInDoubt(std::uint64_t many) {
    progress_(fmt::format("scale, {} in doubt at the start", many));
    const testing::TemporaryDirectory directory(options_.directory);
    {
      Daemon daemon(directory.path(), kRoom);
      NoOpParticipant dead(daemon.port(), kNoOpResources, NoOpParticipant::Life::kDead);
      Repeat(
          daemon, dead, many, [](NoOpClient& client) { client.Decide(client.Open()); }, stop_);
      daemon.Kill();
    }
    const Clock::time_point started = Clock::now();
    Daemon daemon(directory.path(), kRoom, kLongStart);
    const Seconds serving = Clock::now() - started;
    const Clock::time_point attached = Clock::now();
    NoOpParticipant participant(daemon.port());
    AwaitAllEnded(daemon.port(), {.committed = many}, stop_);
    const Seconds resolved = Clock::now() - attached;
    participant.CheckAlive();
    rows_.push_back(
        Figure(fmt::format("serving_{}_in_doubt", many), "seconds", serving.count(), many));
    rows_.push_back(
        Figure(fmt::format("resolved_{}_in_doubt", many), "seconds", resolved.count(), many));
  }

  const SuiteOptions& options_;
  const Progress& progress_;
  const Stop& stop_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> MeasureScale(const SuiteOptions& options, const Progress& progress,
                              const Stop& stop) {
  return Scale(options, progress, stop).Measure();
}

}  // namespace settle::bench
