// A transfer between two SQLite files: two local transactions by hand, against Settle.
#include <fmt/format.h>

#include <array>
#include <stdexcept>

#include "bench/daemon.h"
#include "bench/or_throw.h"
#include "bench/settle_program.h"
#include "bench/sqlite_session.h"
#include "bench/suites.h"
#include "bench/wire_client.h"
#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

constexpr int kAccounts = 1'000;
constexpr int kPlenty = 1'000'000'000;

// A file with accounts.
class File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {
    const Sql sql = SqliteSession(path_);
    sql("PRAGMA journal_mode = WAL");
    sql("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)");
    sql(fmt::format(
        "WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < {})"
        " INSERT INTO account SELECT id, {} FROM n",
        kAccounts - 1, kPlenty));
  }

  const std::string& path() const { return path_; }

  void Check(std::int64_t grown) const {
    const std::string sum =
        SqliteSession(path_)(fmt::format("SELECT sum(balance - {}) FROM account", kPlenty));
    if (sum == std::to_string(grown)) return;
    throw std::runtime_error(
        fmt::format("{} grew by {} and should have by {}: what was acknowledged "
                    "and what the file says do not agree",
                    path_, sum, grown));
  }

 private:
  const std::string path_;
};

// Two files of one way of making transfers: guards that Settle puts on a table are not to be paid
// by hand.
struct Files {
  Files(const testing::TemporaryDirectory& directory, const std::string& name)
      : from(directory / (name + "-a.db")), to(directory / (name + "-b.db")) {}

  void Check(std::uint64_t more) {
    moved += static_cast<std::int64_t>(more);
    from.Check(-moved);
    to.Check(moved);
  }

  const File from;
  const File to;
  std::int64_t moved = 0;
};

std::string Change(const char* by, int transfer) {
  return fmt::format("UPDATE account SET balance = balance {} WHERE id = {}", by,
                     transfer % kAccounts);
}

class ByHand {
 public:
  explicit ByHand(const Files& files)
      : from_(SqliteSession(files.from.path())), to_(SqliteSession(files.to.path())) {}

  void Move() {
    ++count_;
    Run(from_, "- 1");
    Run(to_, "+ 1");
  }

 private:
  void Run(const Sql& sql, const char* by) const {
    sql("BEGIN IMMEDIATE");
    sql(Change(by, count_));
    sql("COMMIT");
  }

  const Sql from_;
  const Sql to_;
  int count_ = 0;
};

class BySettle {
 public:
  BySettle(const Files& files, const Daemon& daemon, const Progress& progress)
      : from_(SqliteResource::Make({.name = "from", .path = files.from.path()})),
        to_(SqliteResource::Make({.name = "to", .path = files.to.path()})),
        coordinator_(OrThrow(Coordinator::Connect({.addresses = {daemon.address()},
                                                   .application = "settle-bench",
                                                   .resources = {from_, to_},
                                                   .warn = progress}))) {}

  void Move() {
    ++count_;
    GlobalTransaction transaction = OrThrow(coordinator_->Begin());
    OrThrow(OrThrow(transaction.Enlist(*from_))->Execute(Change("- 1", count_)));
    OrThrow(OrThrow(transaction.Enlist(*to_))->Execute(Change("+ 1", count_)));
    CommitOrThrow(transaction, Wait::kApplied);
  }

 private:
  const std::shared_ptr<SqliteResource> from_;
  const std::shared_ptr<SqliteResource> to_;
  const std::unique_ptr<Coordinator> coordinator_;
  int count_ = 0;
};

}  // namespace

// SQLite has one writer, so one client says it all.
std::vector<Row> MeasureSqlite(const SuiteOptions& options, const Progress& progress,
                               const Stop& stop) {
  const testing::TemporaryDirectory directory(options.directory);
  Daemon daemon(directory.path());
  const auto read_cpu = [&] { return ReadCpuTimes(daemon.process(), {}); };
  Files files_by_hand(directory, "by-hand");
  Files files_by_settle(directory, "by-settle");
  Series hand{"sqlite.by_hand",
              "transactions/s",
              "both have committed; nobody knows that they belong together",
              1,
              {}};
  Series settle{"sqlite.settle",
                "transactions/s",
                "the decision is durable in the log, and both have committed",
                1,
                {}};
  {
    ByHand by_hand(files_by_hand);
    BySettle by_settle(files_by_settle, daemon, progress);
    std::uint64_t committed = 0;  // by the coordinator
    for (int round = 1; round <= options.rounds; ++round) {
      progress(fmt::format("sqlite, round {} of {}", round, options.rounds));
      hand.runs.push_back(Measure({[&] { by_hand.Move(); }}, options.window, read_cpu, stop));
      files_by_hand.Check(hand.runs.back().all);
      settle.runs.push_back(Measure({[&] { by_settle.Move(); }}, options.window, read_cpu, stop));
      committed += settle.runs.back().all;
      AwaitAllEnded(daemon.port(), {.committed = committed}, stop);
      files_by_settle.Check(settle.runs.back().all);
    }
  }
  daemon.Stop();
  return {RowOf(hand), RowOf(settle, hand), RowOf(LatencyOf(hand)),
          RowOf(LatencyOf(settle), LatencyOf(hand))};
}

}  // namespace settle::bench
