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
#include "support/long_log.h"

namespace settle::coordinator {
namespace {

using testing::DecisionOfTransfer;
using testing::EndOfTransfer;
using testing::FillLog;
using testing::GtidOfTransfer;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Of all threads, so that other work on the machine does not count.
double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

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
    const auto one = log.FindEnded(Gtid::Make(log.identity().log_id, epoch, sequence, 0x9f3c2a51));
    found += one && *one ? 1 : 0;
    expired += !one && one.error().code == ErrorCode::kExpired ? 1 : 0;
  });
  if (found + expired != 10'000) throw std::runtime_error("a transaction was not found");
  Measure("find a gtid that never was", 10'000, [&] {
    const std::uint64_t sequence = count + random() % count + 1;
    const auto one = log.FindEnded(Gtid::Make(log.identity().log_id, epoch, sequence, 0x9f3c2a51));
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
    AppendAndWait(log, DecisionOfTransfer(GtidOfTransfer(log, 1'000'000'000 + ++sequence)));
  });
  const auto begin = Clock::now();
  const double cpu = CpuSeconds();
  FillLog(log, 1, 100'000);
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
    const double slowest = FillLog(*log, 1, count);
    fmt::print("{} transactions: {:.0f}/s, {:.1f} us of CPU each, the slowest 512 took {:.3f} s\n",
               count, static_cast<double>(count) / SecondsSince(begin),
               (CpuSeconds() - cpu) * 1e6 / static_cast<double>(count), slowest);
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  const auto kept = static_cast<double>(std::min(count, keep));
  fmt::print("file: {:.0f} MB, {:.0f} bytes for each of {:.0f} transactions that are kept\n",
             bytes / 1e6, bytes / kept, kept);
  fmt::print("of that, records: {} + {} bytes\n",
             EncodeRecord(DecisionOfTransfer(Gtid::Make("k3m9qxw4c7ab", epoch, count, 1)))->size(),
             EncodeRecord(EndOfTransfer(Gtid::Make("k3m9qxw4c7ab", epoch, count, 1)))->size());
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
