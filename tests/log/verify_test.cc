// What is damaged in a log's file is found, or is where nothing is kept.
#include "log/verify.h"

#include <gmock/gmock.h>

#include <map>

#include "log/log_opening.h"
#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::Property;
using ::testing::UnorderedElementsAre;

// Everything that any reader of the file can see.
std::string Contents(const std::string& path) {
  auto file = sqlite::Connection::Open(path, sqlite::Access::kImmutable, 0ms);
  if (!file) return "cannot be opened";
  std::string all = file->Ask("PRAGMA user_version").value_or("?");
  for (const char* table : {"record", "ended", "meta", "pruned", "audit", "restored"}) {
    auto rows = sqlite::Statement::Prepare(*file, std::string("SELECT * FROM ") + table);
    if (!rows) return "cannot be read";
    for (;;) {
      const auto row = rows->Step();
      if (!row) return "cannot be read";
      if (!*row) break;
      for (int column = 0; column < 10; ++column) all.append(rows->Bytes(column)).push_back('|');
      all += '\n';
    }
  }
  return all;
}

class LogVerify : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  // Some of everything: ended and open transactions, pruned ones, moved records, a trail.
  void MakeLog() {
    auto log = OpenSqliteDecisionLog({.path = path, .prune = {.keep_ended = 6, .step = 4}}).value();
    ReplayOrThrow(*log);
    const std::string& log_id = log->identity().log_id;
    EXPECT_EQ(AppendAndWait(*log, SampleResource()).result, AppendResult::kDurable);
    for (std::uint64_t i = 1; i <= 30; ++i) {
      const Gtid gtid = SampleGtid(log_id, 1, i);
      EXPECT_EQ(AppendAndWait(*log, SampleCommit(gtid)).result, AppendResult::kDurable);
      if (i % 10 == 0) continue;
      EXPECT_EQ(AppendAndWait(*log, SampleEnd(gtid)).result, AppendResult::kDurable);
    }
    log->AppendAudit({1, 0, "uid 0", "ann", "pause", "everything new", "a test", "asked"},
                     Durability::kForce, [](AppendResult, const std::string&, std::uint64_t) {});
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
};

TEST_F(LogVerify, WhatIsThereIsCounted) {
  MakeLog();
  std::uint64_t told = 0;
  const auto report = VerifyLog(path, [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_LE(done, all);
    told = all;
  });
  ASSERT_TRUE(report) << Describe(report.error());
  EXPECT_EQ(report->epoch, 1U);
  EXPECT_EQ(report->schema_version, 5);
  EXPECT_FALSE(report->backup);
  EXPECT_EQ(report->in_doubt_count, 3U);
  // Which of them has the oldest record depends on when pruning moved it.
  EXPECT_THAT(report->in_doubt,
              UnorderedElementsAre(Property(&Gtid::sequence, 10U), Property(&Gtid::sequence, 20U),
                                   Property(&Gtid::sequence, 30U)));
  EXPECT_EQ(report->totals.committed, 27U);
  EXPECT_GT(report->pruned, 0U);
  EXPECT_GT(report->first_position, 1U);
  EXPECT_EQ(report->records.at("resource"), 1U);
  std::uint64_t records = 0;
  for (const auto& [type, count] : report->records) records += count;
  EXPECT_EQ(records, told);
  EXPECT_GE(report->records.at("commit"), 3U);
  EXPECT_EQ(told, report->last_position + 1 - report->first_position);
  EXPECT_EQ(report->epochs.size(), 1U);
  EXPECT_EQ(report->audit_damage, "");
}

TEST_F(LogVerify, ARowThatSomebodyPutIntoTheAuditTrailIsNamed) {
  MakeLog();
  ASSERT_TRUE(sqlite::Connection::Open(path, sqlite::Access::kReadWrite, std::chrono::seconds(1))
                  .value()
                  .Run("INSERT INTO audit VALUES (9223372036854775807, 1, NULL, 'c', 'o', 'a', "
                       "'t', 'r', 'done', 7)"));
  const auto report = VerifyLog(path, {});
  ASSERT_TRUE(report) << Describe(report.error());
  EXPECT_EQ(report->audit_damage, "row 9223372036854775807 does not belong there");
}

TEST_F(LogVerify, L05_AFlippedByteIsFoundOrIsWhereNothingIsKept) {
  MakeLog();
  const std::string sound = ReadFile(path);
  const std::string right = Contents(path);
  const std::string copy = directory / "flipped.db";
  std::size_t found = 0;
  std::size_t flipped = 0;
  // A prime, so that every place within a page and within a record has its turn.
  for (std::size_t at = 0; at < sound.size(); at += 29) {
    std::string bytes = sound;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    WriteFile(copy, bytes);
    ++flipped;
    const auto report = VerifyLog(copy, {});
    if (!report || !report->audit_damage.empty()) {
      ++found;
      continue;
    }
    ASSERT_EQ(Contents(copy), right) << "byte " << at << " was changed, and nobody said so";
  }
  RecordProperty("flipped", static_cast<int>(flipped));
  RecordProperty("found", static_cast<int>(found));
  EXPECT_GT(found, flipped / 10) << "of " << flipped;
}

TEST_F(LogVerify, ALogThatWasNotStoppedIsVerifiedWithItsWalAndDamageThereIsFound) {
  const std::string copy = directory / "copy.db";
  {
    const auto log = OpenOrThrow(path);
    for (std::uint64_t i = 1; i <= 20; ++i) {
      ASSERT_EQ(AppendAndWait(*log, SampleEnd(SampleGtid(log->identity().log_id, 1, i))).result,
                AppendResult::kDurable);
    }
    for (const char* suffix : {"", "-wal", "-shm"})
      WriteFile(copy + suffix, ReadFile(path + suffix));
  }
  const std::string main = ReadFile(copy);
  const std::string wal = ReadFile(copy + "-wal");
  const auto report = VerifyLog(copy, {});
  ASSERT_TRUE(report) << Describe(report.error());
  EXPECT_EQ(report->records.at("end"), 20U);
  EXPECT_EQ(ReadFile(copy), main);
  EXPECT_EQ(ReadFile(copy + "-wal"), wal);
  std::string damaged = wal;
  damaged[damaged.size() / 2] ^= 1;
  WriteFile(copy + "-wal", damaged);
  EXPECT_EQ(VerifyLog(copy, {}).error().code, ErrorCode::kCorrupt);
  std::filesystem::remove(copy + "-wal");
  EXPECT_THAT(VerifyLog(copy, {}).error().message, HasSubstr("is incomplete"));
}

TEST_F(LogVerify, NothingIsWrittenBesideASoundFile) {
  MakeLog();
  const std::string alone = directory / "alone";
  std::filesystem::create_directory(alone);
  std::filesystem::copy_file(path, alone + "/a?b#c%41.db");
  ASSERT_TRUE(VerifyLog(alone + "/a?b#c%41.db", {}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(alone), {}), 1);
}

TEST_F(LogVerify, L08_ANewerFileIsRefusedByNameAndOneInUseToo) {
  MakeLog();
  {
    const auto log = OpenOrThrow(path);
    const auto in_use = VerifyLog(path, {});
    ASSERT_FALSE(in_use);
    EXPECT_EQ(in_use.error().code, ErrorCode::kRefused);
    EXPECT_THAT(in_use.error().advice, HasSubstr("settle backup"));
  }
  {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(shell.Run("PRAGMA user_version = 9"));
  }
  const auto newer = VerifyLog(path, {});
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kVersion);
  EXPECT_THAT(newer.error().message, AllOf(HasSubstr("schema version 9"), HasSubstr("up to 5")));
}

TEST_F(LogVerify, WhatIsNoLogIsSaidToBeNone) {
  WriteFile(path, "this is not a database, and no decision log either");
  EXPECT_EQ(VerifyLog(path, {}).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(VerifyLog(directory / "nothing", {}).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace settle::coordinator
