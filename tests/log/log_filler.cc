// Makes a log of many ended transactions through the code that ships, then measures what a long
// life costs: finding a gtid, a page of a list, opening, appending, bytes. docs/decision_log.md has
// the figures.
//
//   settle-log-filler DIRECTORY TRANSACTIONS [KEEP]
//
// DIRECTORY must exist and have room (about 0.9 kB a transaction); the log in it is left there.
// KEEP is --keep-ended, so that pruning is measured too; all are kept if it is not given.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "log/record_codec.h"
#include "log/sqlite_decision_log.h"

namespace settle::coordinator {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Of all threads, so that other work on the machine does not count.
double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

constexpr WallTime kNow = 1'700'000'000'000'000;
const Evidence kEvidence{"postgresql:7301234567890123456:16384", 1, "48291734"};

// As the daemon writes them for a transfer between two banks by one program.
CommitRecord CommitOf(const Gtid& gtid) {
  const Origin origin{"transfer-service", fmt::format("order {}", gtid.sequence()), kNow};
  return {gtid,
          origin,
          kNow + 900,
          {{1, "bank-a", Vote::kCommit, kEvidence}, {2, "bank-b", Vote::kCommit, kEvidence}}};
}

EndRecord EndOf(const Gtid& gtid) {
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "done";
  summary.ending = {Outcome::kCommitted, AbortCause::kNone, "", false};
  summary.origin = CommitOf(gtid).origin;
  summary.ended = kNow + 2'000;
  for (const BranchNumber number : {1U, 2U}) {
    summary.branches.push_back({number, number == 1 ? "bank-a" : "bank-b", kEvidence.database,
                                "transfer-service@host-17:4242", "committed", "commit", kEvidence,
                                0, ""});
  }
  summary.timeline = {{kNow, "begun by transfer-service"},
                      {kNow + 500, "commit asked for, with 2 votes"},
                      {kNow + 900, "decided to commit; the decision is durable"},
                      {kNow + 1'800, "branch 1: committed"},
                      {kNow + 1'900, "branch 2: committed"},
                      {kNow + 2'000, "committed"}};
  return {summary};
}

std::unique_ptr<DecisionLog> Open(const std::string& path, std::uint64_t keep) {
  const auto begin = Clock::now();
  const double cpu = CpuSeconds();
  auto log = OpenSqliteDecisionLog({.path = path, .prune = {.keep_ended = keep}});
  if (!log) throw std::runtime_error(Describe(log.error()));
  const double opened = SecondsSince(begin);
  std::uint64_t records = 0;
  const auto replaying = Clock::now();
  const Status replayed = (*log)->Replay([&](std::uint64_t, const Record&) { ++records; });
  if (!replayed) throw std::runtime_error(Describe(replayed.error()));
  fmt::print("open: {:.2f} s of checks, {:.2f} s to replay {} records; {:.2f} s of CPU\n", opened,
             SecondsSince(replaying), records, CpuSeconds() - cpu);
  return *std::move(log);
}

void AppendAndWait(DecisionLog& log, Record record) {
  std::promise<AppendResult> told;
  log.Append(std::move(record), Durability::kForce,
             [&](AppendResult result, const std::string&) { told.set_value(result); });
  if (told.get_future().get() != AppendResult::kDurable) throw std::runtime_error("not durable");
}

// `count` transactions, in groups as large as the log makes them. The slowest group in seconds.
double Fill(DecisionLog& log, std::uint64_t count) {
  constexpr std::uint64_t kInFlight = 512;
  double slowest = 0;
  for (std::uint64_t sequence = 1; sequence <= count;) {
    const auto begin = Clock::now();
    const std::uint64_t until = std::min(count, sequence + kInFlight - 1);
    for (; sequence < until; ++sequence) {
      const Gtid gtid =
          Gtid::Make(log.identity().log_id, log.identity().epoch, sequence, 0x9f3c2a51);
      log.Append(CommitOf(gtid), Durability::kLazy, {});
      log.Append(EndOf(gtid), Durability::kLazy, {});
    }
    const Gtid last =
        Gtid::Make(log.identity().log_id, log.identity().epoch, sequence, 0x9f3c2a51);
    log.Append(CommitOf(last), Durability::kLazy, {});
    AppendAndWait(log, EndOf(last));
    ++sequence;
    slowest = std::max(slowest, SecondsSince(begin));
  }
  return slowest;
}

void Percentiles(const char* what, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    return seconds[static_cast<std::size_t>(share * static_cast<double>(seconds.size() - 1))] * 1e6;
  };
  fmt::print("{}: p50 {:.0f} us, p99 {:.0f} us, slowest {:.0f} us of {}\n", what, at(0.5), at(0.99),
             at(1), seconds.size());
}

template <typename Run>
void Measure(const char* what, int times, Run run) {
  std::vector<double> seconds;
  for (int i = 0; i < times; ++i) {
    const auto begin = Clock::now();
    run();
    seconds.push_back(SecondsSince(begin));
  }
  Percentiles(what, std::move(seconds));
}

void MeasureReads(const DecisionLog& log, Epoch epoch, std::uint64_t count) {
  std::mt19937_64 random(1);
  std::uint64_t found = 0;
  std::uint64_t expired = 0;
  Measure("find a gtid", 10'000, [&] {
    const std::uint64_t sequence = random() % count + 1;
    const auto one =
        log.FindEnded(Gtid::Make(log.identity().log_id, epoch, sequence, 0x9f3c2a51));
    found += one && *one ? 1 : 0;
    expired += !one && one.error().code == ErrorCode::kExpired ? 1 : 0;
  });
  if (found + expired != 10'000) throw std::runtime_error("a transaction was not found");
  Measure("find a gtid that never was", 10'000, [&] {
    const std::uint64_t sequence = count + random() % count + 1;
    const auto one =
        log.FindEnded(Gtid::Make(log.identity().log_id, epoch, sequence, 0x9f3c2a51));
    if (!one || *one) throw std::runtime_error("a transaction that never was is there");
  });
  std::string cursor;
  Measure("a page of 100, one after another", 200, [&] {
    const auto page = log.ListEnded(100, cursor);
    if (!page) throw std::runtime_error(Describe(page.error()));
    cursor = page->next_cursor;
  });
  Measure("a page of 100 from the middle", 200, [&] {
    const auto page = log.ListEnded(100, fmt::format("{}.{}", epoch, random() % count + 1));
    if (!page) throw std::runtime_error(Describe(page.error()));
  });
}

// What a transaction costs with one client and with groups of 1024, in a log as it is now.
void MeasureAppends(DecisionLog& log) {
  Measure("a forced append, one at a time", 500, [&, sequence = std::uint64_t{0}]() mutable {
    AppendAndWait(log, CommitOf(Gtid::Make(log.identity().log_id, log.identity().epoch,
                                           1'000'000'000 + ++sequence, 1)));
  });
  const auto begin = Clock::now();
  const double cpu = CpuSeconds();
  Fill(log, 100'000);
  fmt::print("append: {:.0f} transactions/s, {:.1f} us of CPU each\n",
             100'000 / SecondsSince(begin), (CpuSeconds() - cpu) * 10);
}

void Run(const std::string& directory, std::uint64_t count, std::uint64_t keep) {
  const std::string path = directory + "/settle.db";
  {
    fmt::print("-- an empty log\n");
    const auto log = Open(directory + "/empty.db", keep);
    MeasureAppends(*log);
  }
  Epoch epoch = 0;
  {
    fmt::print("-- filling\n");
    const auto log = Open(path, keep);
    epoch = log->identity().epoch;
    const auto begin = Clock::now();
    const double cpu = CpuSeconds();
    const double slowest = Fill(*log, count);
    fmt::print("{} transactions: {:.0f}/s, {:.1f} us of CPU each, the slowest 512 took {:.3f} s\n",
               count, static_cast<double>(count) / SecondsSince(begin),
               (CpuSeconds() - cpu) * 1e6 / static_cast<double>(count), slowest);
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  const auto kept = static_cast<double>(std::min(count, keep));
  fmt::print("file: {:.0f} MB, {:.0f} bytes for each of {:.0f} transactions that are kept\n",
             bytes / 1e6, bytes / kept, kept);
  fmt::print("of that, records: {} + {} bytes\n",
             EncodeRecord(CommitOf(Gtid::Make("k3m9qxw4c7ab", epoch, count, 1)))->size(),
             EncodeRecord(EndOf(Gtid::Make("k3m9qxw4c7ab", epoch, count, 1)))->size());
  fmt::print("-- with what is in it now\n");
  const auto log = Open(path, keep);
  MeasureReads(*log, epoch, count);
  MeasureAppends(*log);
}

}  // namespace
}  // namespace settle::coordinator

int main(int argc, char** argv) {
  if (argc < 3 || std::atoll(argv[2]) <= 0) {
    fmt::print(stderr, "settle-log-filler DIRECTORY TRANSACTIONS [KEEP]\n");
    return 64;
  }
  try {
    settle::coordinator::Run(argv[1], static_cast<std::uint64_t>(std::atoll(argv[2])),
                             argc > 3 ? static_cast<std::uint64_t>(std::atoll(argv[3]))
                                      : std::numeric_limits<std::uint64_t>::max() / 2);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "settle-log-filler: {}\n", error.what());
    return 1;
  }
}
