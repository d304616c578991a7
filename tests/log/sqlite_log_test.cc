#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "log/log_reader.h"
#include "log/record_codec.h"
#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteLog : public ::testing::Test {
 protected:
  Gtid Of(std::uint64_t sequence) const {
    return SampleGtid(log->identity().log_id, log->identity().epoch, sequence);
  }
  void Reopen() {
    log.reset();
    log = OpenOrThrow(path);
  }

  TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  std::unique_ptr<DecisionLog> log = OpenOrThrow(path);
};

TEST_F(SqliteLog, WhatWasAppendedIsReplayedInOrder) {
  const std::vector<Record> records = {SampleCommit(Of(1)),   SampleEnd(Of(2), Outcome::kAborted),
                                       SampleOnePhase(Of(3)), SampleHeuristic(Of(1)),
                                       SampleResource(),      SampleEnd(Of(1), Outcome::kMixed)};
  for (const Record& record : records) {
    EXPECT_EQ(AppendAndWait(*log, record).result, AppendResult::kDurable);
  }
  Reopen();
  EXPECT_EQ(ReplayOrThrow(*log), records);
  EXPECT_EQ(AppendAndWait(*log, records[0]).result, AppendResult::kDurable);
  Reopen();
  EXPECT_EQ(ReplayOrThrow(*log).size(), records.size() + 1);
}

TEST_F(SqliteLog, TellsHowItsFileIs) {
  AppendAndWait(*log, SampleCommit(Of(1)));
  const Result<LogCondition> condition = log->Condition();
  ASSERT_TRUE(condition) << Describe(condition.error());
  EXPECT_EQ(condition->path, path);
  EXPECT_EQ(condition->journal_mode, "wal");
  EXPECT_EQ(condition->synchronous, 2) << "FULL";
  EXPECT_EQ(condition->bytes, std::filesystem::file_size(path));
  EXPECT_EQ(condition->wal_bytes, std::filesystem::file_size(path + "-wal"));
  EXPECT_EQ(condition->keep_ended, 1'000'000u);
}

TEST_F(SqliteLog, ANewLogIsEmptyAndForItsOwnerAlone) {
  EXPECT_THAT(ReplayOrThrow(*log), IsEmpty());
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    const auto status = std::filesystem::status(path + suffix);
    EXPECT_EQ(status.permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << suffix;
  }
}

TEST_F(SqliteLog, TheIdentityStaysAndTheEpochRisesAtEveryOpening) {
  const LogIdentity first = log->identity();
  EXPECT_TRUE(IsLogId(first.log_id));
  EXPECT_EQ(first.epoch, 1U);
  for (Epoch epoch = 2; epoch < 6; ++epoch) {
    Reopen();
    EXPECT_EQ(log->identity().log_id, first.log_id);
    EXPECT_EQ(log->identity().epoch, epoch);
  }
  const auto other = OpenOrThrow(directory / "other.db");
  EXPECT_NE(other->identity().log_id, first.log_id);
}

TEST_F(SqliteLog, ALazyRecordIsWrittenSoonWithoutAForcedOne) {
  EXPECT_EQ(AppendAndWait(*log, SampleEnd(Of(1)), Durability::kLazy).result,
            AppendResult::kDurable);
}

TEST_F(SqliteLog, MeasuresEachGroupByItsRecordsAndItsTime) {
  EXPECT_EQ(log->groups().records.sum(), 0);
  std::vector<Record> records;
  for (std::uint64_t i = 1; i <= 3; ++i) records.push_back(SampleCommit(Of(i)));
  AppendAsOneGroup(*log, records);
  const LogGroups groups = log->groups();
  EXPECT_EQ(groups.records.sum(), static_cast<double>(log->writes().records));
  std::uint64_t measured = 0;
  for (const std::uint64_t count : groups.records.counts()) measured += count;
  EXPECT_EQ(measured, log->writes().flushes);
  EXPECT_GE(groups.records.counts()[2], 1U) << "of more than two records and up to four";
  std::uint64_t flushed = 0;
  for (const std::uint64_t count : groups.flush_seconds.counts()) flushed += count;
  EXPECT_EQ(flushed, measured);
  EXPECT_GT(groups.flush_seconds.sum(), 0);
}

TEST(HistogramOfValues, PutsAValueAtItsUpperBoundAndWhatIsAboveAllLast) {
  Histogram histogram(kRecordsBounds);
  for (const double value : {1.0, 2.0, 3.0, 1024.0, 1025.0}) histogram.Add(value);
  Histogram other(kRecordsBounds);
  other.Add(4.0);
  histogram += other;
  EXPECT_THAT(histogram.counts(), ElementsAre(1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1));
  EXPECT_EQ(histogram.sum(), 2059.0);
  Histogram seconds(kSecondsBounds);
  seconds.Add(std::chrono::milliseconds(2));
  EXPECT_EQ(seconds.counts()[4], 1U);
}

TEST_F(SqliteLog, ClosingWritesLazyRecordsAndLeavesOneFile) {
  for (std::uint64_t i = 1; i <= 10; ++i) log->Append(SampleEnd(Of(i)), Durability::kLazy, {});
  log.reset();
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  log = OpenOrThrow(path);
  EXPECT_EQ(ReplayOrThrow(*log).size(), 10U);
}

TEST_F(SqliteLog, ForcedRecordsOfManyThreadsAreDurableInTheOrderOfTheirCalls) {
  constexpr std::uint64_t kThreads = 8;
  constexpr std::uint64_t kEach = 200;
  std::atomic<int> durable{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        const auto durability = i % 4 == 3 ? Durability::kLazy : Durability::kForce;
        log->Append(SampleCommit(Of(t * kEach + i)), durability,
                    [&](AppendResult result, const std::string&) {
                      durable += result == AppendResult::kDurable ? 1 : 0;
                    });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Reopen();
  EXPECT_EQ(durable, static_cast<int>(kThreads * kEach));
  std::vector<std::uint64_t> next(kThreads, 0);
  for (const Record& record : ReplayOrThrow(*log)) {
    const std::uint64_t sequence = GtidOf(record).sequence();
    EXPECT_EQ(sequence % kEach, next[sequence / kEach]++);
  }
  EXPECT_THAT(next, ::testing::Each(kEach));
}

TEST_F(SqliteLog, CallbacksMayAppend) {
  std::promise<void> done;
  log->Append(SampleCommit(Of(1)), Durability::kForce, [&](AppendResult, const std::string&) {
    log->Append(SampleEnd(Of(1)), Durability::kForce,
                [&](AppendResult, const std::string&) { done.set_value(); });
  });
  done.get_future().wait();
  EXPECT_TRUE(log->FindEnded(Of(1)).value().has_value());
}

TEST_F(SqliteLog, WhatCannotBeStoredIsRefusedWithItsReason) {
  EndRecord end = SampleEnd(Of(1));
  end.summary.ending.reason.assign(kTextMax + 1, 'x');
  const Appended too_long = AppendAndWait(*log, end);
  EXPECT_EQ(too_long.result, AppendResult::kRefused);
  EXPECT_THAT(too_long.reason, HasSubstr("ending.reason is 65537 bytes long"));

  const Appended foreign = AppendAndWait(*log, SampleCommit(SampleGtid("k3m9qxw4c7ab", 1, 1)));
  EXPECT_EQ(foreign.result, AppendResult::kRefused);
  EXPECT_THAT(foreign.reason, HasSubstr("belongs to another log"));
  EXPECT_EQ(AppendAndWait(*log, SampleCommit(Of(1))).result, AppendResult::kDurable);
  Reopen();
  EXPECT_THAT(ReplayOrThrow(*log), ElementsAre(Record(SampleCommit(SampleGtid(
                                       log->identity().log_id, log->identity().epoch - 1, 1)))));
}

TEST_F(SqliteLog, AnEndedTransactionIsFoundByItsWholeGtidAlone) {
  const EndRecord end = SampleEnd(Of(7), Outcome::kAborted);
  AppendAndWait(*log, end);
  EXPECT_EQ(log->FindEnded(Of(7)).value(), end.summary);
  EXPECT_EQ(log->FindEnded(Of(8)).value(), std::nullopt);
  EXPECT_EQ(log->FindEnded(SampleGtid("k3m9qxw4c7ab", 1, 7)).value(), std::nullopt);
  const Gtid guessed = Gtid::Make(log->identity().log_id, log->identity().epoch, 7, 1);
  EXPECT_EQ(log->FindEnded(guessed).value(), std::nullopt);
  EXPECT_EQ(log->FindEnded(Gtid()).value(), std::nullopt);
}

TEST_F(SqliteLog, TheNewestEndOfATransactionCountsOnce) {
  AppendAndWait(*log, SampleEnd(Of(1), Outcome::kMixed));
  AppendAndWait(*log, SampleEnd(Of(1), Outcome::kCommitted));
  EXPECT_EQ(log->FindEnded(Of(1)).value()->ending.outcome, Outcome::kCommitted);
  EXPECT_EQ(log->totals().heuristic, 0U);
  EXPECT_EQ(log->totals().committed, 1U);
  EXPECT_EQ(log->ListEnded(10, "").value().transactions.size(), 1U);
  Reopen();
  EXPECT_EQ(ReplayOrThrow(*log).size(), 2U);
}

TEST_F(SqliteLog, TotalsAreCountedByAppendsAndAgainAtOpening) {
  std::uint64_t sequence = 0;
  const auto end = [&](Outcome outcome, int count) {
    while (count-- > 0) AppendAndWait(*log, SampleEnd(Of(++sequence), outcome));
  };
  end(Outcome::kCommitted, 3);
  end(Outcome::kAborted, 2);
  for (const Outcome outcome : {Outcome::kMixed, Outcome::kHazard, Outcome::kHeuristicCommit,
                                Outcome::kHeuristicRollback}) {
    end(outcome, 1);
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(log->totals().committed, 3U);
    EXPECT_EQ(log->totals().aborted, 2U);
    EXPECT_EQ(log->totals().heuristic, 4U);
    Reopen();
  }
}

TEST_F(SqliteLog, A04_EndedTransactionsAreListedInPagesNewestFirst) {
  for (int life = 0; life < 3; ++life) {
    for (const std::uint64_t sequence : {2, 10, 1}) AppendAndWait(*log, SampleEnd(Of(sequence)));
    if (life < 2) Reopen();
  }
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const EndedPage page = log->ListEnded(2, cursor).value();
    EXPECT_LE(page.transactions.size(), 2U);
    for (const auto& summary : page.transactions) {
      seen.push_back(std::to_string(summary.gtid.epoch()) + "." +
                     std::to_string(summary.gtid.sequence()));
    }
    cursor = page.next_cursor;
  } while (!cursor.empty());
  EXPECT_THAT(seen, ElementsAre("3.10", "3.2", "3.1", "2.10", "2.2", "2.1", "1.10", "1.2", "1.1"));
  EXPECT_EQ(log->ListEnded(9, "").value().next_cursor, "");
  for (const char* bad : {"x", "1", "1.", ".1", "1.2.3", "1.2 ", "99999999999999999999.1"}) {
    const auto page = log->ListEnded(9, bad);
    ASSERT_FALSE(page) << bad;
    EXPECT_EQ(page.error().code, ErrorCode::kInvalid);
  }
}

TEST_F(SqliteLog, ReadersAndAppendersDoNotDisturbEachOther) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        EXPECT_TRUE(log->ListEnded(20, ""));
        EXPECT_TRUE(log->FindEnded(Of(1)));
        EXPECT_LE(log->totals().committed, 500U);
      }
    });
  }
  for (std::uint64_t i = 1; i <= 500; ++i) {
    EXPECT_EQ(AppendAndWait(*log, SampleEnd(Of(i))).result, AppendResult::kDurable);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(log->totals().committed, 500U);
}

TEST_F(SqliteLog, ReplayIsRefusedOnceSomethingWasAppended) {
  AppendAndWait(*log, SampleResource());
  EXPECT_FALSE(log->Replay([](std::uint64_t, Record) { FAIL(); }));
}

TEST_F(SqliteLog, L10_TheWalFileStaysSmallUnderLoad) {
  log.reset();
  log = *OpenSqliteDecisionLog({.path = path, .checkpoint_pages = 50});
  std::uintmax_t largest = 0;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    AppendAndWait(*log, SampleEnd(Of(i)));
    largest = std::max(largest, std::filesystem::file_size(path + "-wal"));
  }
  EXPECT_LT(largest, 4200U * 70);
  Reopen();
  EXPECT_EQ(ReplayOrThrow(*log).size(), 2000U);
}

TEST_F(SqliteLog, L07_AShellThatHoldsTheWriteLockCostsARefusalInBoundedTimeAndNoMore) {
  log.reset();
  log = *OpenSqliteDecisionLog({.path = path, .busy_timeout = 100ms});
  auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
  ASSERT_TRUE(shell.Run("BEGIN IMMEDIATE"));
  const auto begin = std::chrono::steady_clock::now();
  const Appended refused = AppendAndWait(*log, SampleCommit(Of(1)));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_EQ(refused.result, AppendResult::kRefused);
  EXPECT_THAT(refused.reason, HasSubstr("another program keeps the log locked"));
  ASSERT_TRUE(shell.Run("ROLLBACK"));
  EXPECT_EQ(AppendAndWait(*log, SampleCommit(Of(2))).result, AppendResult::kDurable);
  shell = sqlite::Connection::Open(path, sqlite::Access::kReadOnly, 0ms).value();
  Reopen();
  EXPECT_EQ(ReplayOrThrow(*log).size(), 1U);
}

TEST_F(SqliteLog, L07_ALongReadOfAShellDelaysNobody) {
  log.reset();
  log = *OpenSqliteDecisionLog({.path = path, .checkpoint_pages = 20, .busy_timeout = 100ms});
  AppendAndWait(*log, SampleCommit(Of(1)));
  auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadOnly, 0ms).value();
  ASSERT_TRUE(shell.Run("BEGIN; SELECT * FROM record"));
  for (std::uint64_t i = 2; i <= 200; ++i) {
    ASSERT_EQ(AppendAndWait(*log, SampleCommit(Of(i))).result, AppendResult::kDurable);
  }
  ASSERT_TRUE(shell.Run("COMMIT"));
  Reopen();
  EXPECT_EQ(ReplayOrThrow(*log).size(), 200U);
}

TEST_F(SqliteLog, RecordsThatSomeoneElseInsertsStopTheLog) {
  auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 1000ms).value();
  ASSERT_TRUE(shell.Run("INSERT INTO record (position, payload) VALUES (1, x'00')"));
  EXPECT_EQ(AppendAndWait(*log, SampleCommit(Of(1))).result, AppendResult::kUnknown);
  EXPECT_EQ(AppendAndWait(*log, SampleCommit(Of(2))).result, AppendResult::kUnknown);
}

}  // namespace
}  // namespace settle::coordinator
