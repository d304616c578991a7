// L05: what happens to files while nobody looks. Nothing acknowledged may be missing without a
// refusal.
#include <gmock/gmock.h>

#include <random>

#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The files of a log as they are at one moment, as kill -9 would leave them.
class Snapshot {
 public:
  explicit Snapshot(const std::string& path) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (std::filesystem::exists(path + kSuffixes[i])) bytes_[i] = ReadFile(path + kSuffixes[i]);
    }
  }
  void PutInto(const std::string& path) const {
    for (std::size_t i = 0; i < 3; ++i) {
      std::filesystem::remove(path + kSuffixes[i]);
      if (!bytes_[i].empty()) WriteFile(path + kSuffixes[i], bytes_[i]);
    }
  }
  std::string& main() { return bytes_[0]; }
  std::string& wal() { return bytes_[1]; }
  std::string& shm() { return bytes_[2]; }

 private:
  static constexpr const char* kSuffixes[] = {"", "-wal", "-shm"};
  std::string bytes_[3];
};

class LogDamage : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kRecords = 40;
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  // A log with 40 records, each in a commit of its own: the first ones in the main file, the rest
  // in the -wal file.
  LogDamage() {
    {
      const auto log = OpenOrThrow(path);
      for (std::uint64_t i = 1; i <= kRecords / 2; ++i) Append(*log, i);
    }
    const auto log = OpenOrThrow(path);
    for (std::uint64_t i = kRecords / 2 + 1; i <= kRecords; ++i) Append(*log, i);
    Snapshot taken(path);
    crashed = std::make_unique<Snapshot>(taken);
  }

  static Record RecordOf(const Gtid& gtid) {
    if (gtid.sequence() % 2 == 0) return SampleEnd(gtid);
    return SampleCommit(gtid);
  }
  static void Append(DecisionLog& log, std::uint64_t i) {
    const Gtid gtid = SampleGtid(log.identity().log_id, 1, i);
    ASSERT_EQ(AppendAndWait(log, RecordOf(gtid)).result, AppendResult::kDurable);
  }

  // The refusal of opening or replay; kInternal if there was none although records are missing or
  // changed, and an empty message if all is there.
  static Error WhatIsSaidOf(const Snapshot& files) {
    const TemporaryDirectory directory;
    const std::string copy = directory / "settle.db";
    files.PutInto(copy);
    const auto log = OpenSqliteDecisionLog({.path = copy});
    if (!log) {
      EXPECT_FALSE(OpenSqliteDecisionLog({.path = copy})) << "forgot: " << Describe(log.error());
      return log.error();
    }
    std::uint64_t seen = 0;
    bool right = true;
    const Status replayed = (*log)->Replay([&](std::uint64_t, const Record& record) {
      ++seen;
      const Gtid gtid = SampleGtid((*log)->identity().log_id, 1, seen);
      right = right && record == RecordOf(gtid);
    });
    if (!replayed) return replayed.error();
    for (std::uint64_t i = 2; i <= kRecords; i += 2) {
      const auto ended = (*log)->FindEnded(SampleGtid((*log)->identity().log_id, 1, i));
      right = right && ended && ended->has_value();
    }
    if (seen != kRecords || !right || (*log)->identity().epoch < 3) {
      return {ErrorCode::kInternal, "presumed: " + std::to_string(seen) + " records", ""};
    }
    return {};
  }

  TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  std::unique_ptr<Snapshot> crashed;
};

TEST_F(LogDamage, AnUndamagedCrashOpensWithEverything) {
  EXPECT_GT(crashed->wal().size(), 0U);
  EXPECT_EQ(WhatIsSaidOf(*crashed).message, "");
  crashed->shm().clear();
  EXPECT_EQ(WhatIsSaidOf(*crashed).message, "");
}

TEST_F(LogDamage, L05_AWalFileDeletedWhileDownIsRefused) {
  crashed->wal().clear();
  const Error error = WhatIsSaidOf(*crashed);
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("is incomplete"), HasSubstr("-wal, which is missing")));
  crashed->shm().clear();
  EXPECT_EQ(WhatIsSaidOf(*crashed).code, ErrorCode::kCorrupt);
}

TEST_F(LogDamage, L05_ARefusalChangesNothingSoTheWalFileCanBePutBack) {
  const TemporaryDirectory elsewhere;
  const std::string copy = elsewhere / "settle.db";
  Snapshot without = *crashed;
  without.wal().clear();
  without.PutInto(copy);
  EXPECT_FALSE(OpenSqliteDecisionLog({.path = copy}));
  EXPECT_FALSE(OpenSqliteDecisionLog({.path = copy}));
  EXPECT_EQ(ReadFile(copy), crashed->main());
  WriteFile(copy + "-wal", crashed->wal());
  const auto log = OpenOrThrow(copy);
  EXPECT_EQ(ReplayOrThrow(*log).size(), kRecords);
}

TEST_F(LogDamage, L05_AMainFileMissingBesideItsWalFileIsRefused) {
  crashed->main().clear();
  const Error error = WhatIsSaidOf(*crashed);
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("is missing"));
}

// SQLite quotes the file, and a refusal at start is read on a terminal.
TEST_F(LogDamage, L05_WhatARefusalQuotesOfADamagedFileIsSafeToPrint) {
  const std::string definition = "CREATE TABLE record";
  for (std::string* file : {&crashed->main(), &crashed->wal()}) {
    for (std::size_t at; (at = file->find(definition)) != std::string::npos;)
      file->replace(at, definition.size(), "CREATE TABLE \x1b[31m1");
  }
  const TemporaryDirectory elsewhere;
  WriteFile(elsewhere / "settle.db", crashed->main());
  const auto log = OpenSqliteDecisionLog({.path = elsewhere / "settle.db"});
  ASSERT_FALSE(log);
  EXPECT_THAT(Describe(log.error()), HasSubstr("\\x1b"));
  EXPECT_EQ(Describe(log.error()).find_first_of("\x1b\n"), std::string::npos);
}

TEST_F(LogDamage, AShellThatOpenedTheLogAfterACrashDoesNoHarm) {
  const TemporaryDirectory elsewhere;
  const std::string copy = elsewhere / "settle.db";
  crashed->PutInto(copy);
  {
    auto shell = sqlite::Connection::Open(copy, sqlite::Access::kReadWrite, 0ms).value();
    EXPECT_EQ(shell.Ask("SELECT count(*) FROM record").value(), std::to_string(kRecords));
  }
  EXPECT_FALSE(std::filesystem::exists(copy + "-wal"));
  EXPECT_EQ(ReplayOrThrow(*OpenOrThrow(copy)).size(), kRecords);
}

TEST_F(LogDamage, ABackupMadeBySqliteOpensAndACopyOfTheMainFileAloneIsRefused) {
  const auto log = OpenOrThrow(path);
  AppendAndWait(*log, SampleResource());
  auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 1000ms).value();
  ASSERT_TRUE(shell.Run("VACUUM INTO '" + (directory / "backup.db") + "'"));
  std::filesystem::permissions(directory / "backup.db", std::filesystem::perms(0600));
  EXPECT_EQ(ReplayOrThrow(*OpenOrThrow(directory / "backup.db")).size(), kRecords + 1);
  WriteFile(directory / "copy.db", ReadFile(path));
  EXPECT_FALSE(OpenSqliteDecisionLog({.path = directory / "copy.db"}));
}

TEST_F(LogDamage, L05_AFileCutOffAnywhereIsRefused) {
  for (std::size_t size = 0; size < crashed->wal().size(); size += 1031) {
    Snapshot cut = *crashed;
    cut.wal().resize(size);
    EXPECT_EQ(WhatIsSaidOf(cut).code, ErrorCode::kCorrupt) << "-wal cut to " << size;
  }
  {
    const auto log = OpenOrThrow(path);  // closed cleanly: all in one file
  }
  Snapshot clean(path);
  ASSERT_EQ(clean.wal(), "");
  EXPECT_EQ(WhatIsSaidOf(clean).message, "");
  for (std::size_t size = 1; size < clean.main().size(); size += 509) {
    Snapshot cut = clean;
    cut.main().resize(size);
    const Error error = WhatIsSaidOf(cut);
    EXPECT_TRUE(error.code == ErrorCode::kCorrupt) << "cut to " << size << ": " << Describe(error);
  }
}

// Some bits mean nothing (unused space): then all must be there. All others must lead to a refusal.
TEST_F(LogDamage, L05_AFlippedBitIsRefusedOrHarmless) {
  std::mt19937 random(17);
  int refused = 0;
  const auto flip = [&](Snapshot files, std::string& (Snapshot::*which)(), const char* name) {
    std::string& bytes = (files.*which)();
    const std::size_t bit = random() % (bytes.size() * 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const Error error = WhatIsSaidOf(files);
    if (error.message.empty()) return;
    ++refused;
    EXPECT_TRUE(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kVersion ||
                error.code == ErrorCode::kUnavailable)
        << "bit " << bit << " of the " << name << " file: " << Describe(error);
  };
  for (int round = 0; round < 150; ++round) flip(*crashed, &Snapshot::wal, "-wal");
  EXPECT_EQ(refused, 150);  // all that is in it counts
  { const auto log = OpenOrThrow(path); }
  const Snapshot clean(path);
  for (int round = 0; round < 400; ++round) flip(clean, &Snapshot::main, "main");
  EXPECT_GT(refused, 200);
}

TEST_F(LogDamage, L05_WithoutTheShmFileAFlippedBitBeforeTheLastCommitsIsStillSeen) {
  crashed->shm().clear();
  std::mt19937 random(23);
  const std::size_t frame = 24 + 4096;
  for (int round = 0; round < 100; ++round) {
    Snapshot flipped = *crashed;
    const std::size_t bit = random() % ((flipped.wal().size() - 6 * frame) * 8);
    flipped.wal()[bit / 8] = static_cast<char>(flipped.wal()[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(WhatIsSaidOf(flipped).code, ErrorCode::kCorrupt) << "bit " << bit;
  }
}

TEST_F(LogDamage, L05_TheDamagedRecordIsNamed) {
  { const auto log = OpenOrThrow(path); }
  Snapshot clean(path);
  const std::string gtid = "." + std::to_string(1) + ".7.";  // of the seventh record
  const std::size_t at = clean.main().find(gtid);
  ASSERT_NE(at, std::string::npos);
  clean.main()[at + 3] ^= 1;
  const Error error = WhatIsSaidOf(clean);
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("position 7 is damaged"));
}

TEST_F(LogDamage, L05_AGapIsNamed) {
  {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(shell.Run("DELETE FROM record WHERE position = 9"));
  }
  EXPECT_THAT(WhatIsSaidOf(Snapshot(path)).message,
              HasSubstr("position 9 is damaged: it is missing"));
}

TEST_F(LogDamage, L05_AnIndexThatForgotAnEndIsRefused) {
  {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(shell.Run("DELETE FROM ended WHERE sequence = 8"));
  }
  EXPECT_THAT(WhatIsSaidOf(Snapshot(path)).message, HasSubstr("position 8 is damaged: the index"));
}

TEST_F(LogDamage, L05_AnEpochEditedByHandIsRefused) {
  {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(shell.Run("UPDATE meta SET value = '1' WHERE name = 'epoch'"));
  }
  EXPECT_THAT(WhatIsSaidOf(Snapshot(path)).message, HasSubstr("the log's epoch is damaged"));
}

}  // namespace
}  // namespace settle::coordinator
