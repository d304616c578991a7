// A backup is a copy of one moment of a log that serves; a log that is restored from it knows what
// it has lost.
#include "log/restore.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "log/backup.h"
#include "log/backup_file.h"
#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogRestore : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  Gtid Append(DecisionLog& log, std::uint64_t sequence, bool ends) {
    const Gtid gtid = SampleGtid(log.identity().log_id, log.identity().epoch, sequence);
    EXPECT_EQ(AppendAndWait(log, SampleCommit(gtid)).result, AppendResult::kDurable);
    if (ends) {
      EXPECT_EQ(AppendAndWait(log, SampleEnd(gtid)).result, AppendResult::kDurable);
    }
    return gtid;
  }

  // As whoever fetches it sees it.
  static void Fetch(DecisionLog& log, const std::string& to) {
    auto backup = log.StartBackup();
    ASSERT_TRUE(backup) << Describe(backup.error());
    LogBackup::Progress progress;
    while (!progress.complete) {
      const auto now = (*backup)->Await();
      ASSERT_TRUE(now) << Describe(now.error());
      EXPECT_GE(now->copied, progress.copied);
      progress = *now;
    }
    std::string bytes;
    for (;;) {
      const auto part = (*backup)->Read(bytes.size(), 10'000);
      ASSERT_TRUE(part) << Describe(part.error());
      if (part->empty()) break;
      bytes += *part;
    }
    EXPECT_EQ(bytes.size(), progress.size);
    WriteFile(to, bytes);
  }

  RestoreCall Call() const {
    RestoreCall call;
    call.backup = copy;
    call.log = restored;
    call.now = 1'700'000'000'000'000;
    call.by = "ann";
    call.reason = "disk broke";
    return call;
  }

  static LogReport Verified(const std::string& path) {
    const auto report = VerifyLog(path, {});
    EXPECT_TRUE(report) << Describe(report.error());
    return report ? *report : LogReport{};
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  const std::string copy = directory / "copy.db";
  const std::string restored = directory / "restored.db";
};

TEST_F(LogRestore, ABackupHasAllThatWasDurableWhenItBeganWhateverIsWrittenMeanwhile) {
  const auto log = OpenOrThrow(path);
  for (std::uint64_t i = 1; i <= 200; ++i) Append(*log, i, i % 2 == 0);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> appended{200};
  std::thread writer([&] {
    for (std::uint64_t i = 201; !stop; ++i) {
      Append(*log, i, true);
      appended = i;
    }
  });
  while (appended < 210) std::this_thread::yield();
  const std::uint64_t before = appended;
  Fetch(*log, copy);
  const std::uint64_t while_fetched = appended - before;
  stop = true;
  writer.join();
  EXPECT_GT(while_fetched, 0U) << "nothing was written meanwhile: the test shows nothing";

  const LogReport report = Verified(copy);
  ASSERT_TRUE(report.backup);
  EXPECT_EQ(report.backup->epoch, 1U);
  EXPECT_EQ(report.log_id, log->identity().log_id);
  EXPECT_GE(report.records.at("commit"), before);
  EXPECT_EQ(report.backup->position, report.last_position);
  EXPECT_GE(report.in_doubt_count, 100U);
}

// Copying takes as long as the log is large, and what is decided meanwhile is lost with the log.
TEST_F(LogRestore, ABackupIsOfTheMomentAtWhichItBegan) {
  const auto log = OpenOrThrow(path);
  Append(*log, 1, true);
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const WallTime before = now();
  const auto backup = log->StartBackup();
  const WallTime begun = now();
  ASSERT_TRUE(backup) << Describe(backup.error());
  for (auto progress = (*backup)->Await(); !progress->complete; progress = (*backup)->Await())
    ASSERT_TRUE(progress) << Describe(progress.error());
  WriteFile(copy, (*backup)->Read(0, 10'000'000).value());
  const auto mark = Verified(copy).backup;
  ASSERT_TRUE(mark);
  EXPECT_GE(mark->taken, before);
  EXPECT_LE(mark->taken, begun);
}

// A file system that is full, which only root can make.
class FullDisk {
 public:
  FullDisk(const std::string& path, const char* size) : path_(path) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, size) == 0;
  }
  ~FullDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  const std::string path_;
  bool mounted_ = false;
};

TEST_F(LogRestore, L01_ABackupThatWouldLeaveTheLogNoRoomIsRefusedAndNothingIsWritten) {
  const FullDisk small(directory / "small", "size=40m");
  if (!small.mounted()) GTEST_SKIP() << "no file system can be mounted here";
  const std::string log_path = directory / "small/settle.db";
  auto log = OpenOrThrow(log_path);
  Append(*log, 1, true);
  const auto refused = log->StartBackup();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("a backup of " + log_path + " needs"),
                    HasSubstr("MB are free; 64 MB stay for the log itself")));
  EXPECT_THAT(refused.error().advice, HasSubstr("nothing was written"));
  EXPECT_FALSE(std::filesystem::exists(BackupPathOf(log_path)));
  Append(*log, 2, true);
}

TEST_F(LogRestore, L01_ABackupWhoseDestinationIsFullIsRefusedAndLeavesNothingThere) {
  const FullDisk small(directory / "small", "size=64k");
  if (!small.mounted()) GTEST_SKIP() << "no file system can be mounted here";
  const std::string to = directory / "small/copy.db";
  {
    auto file = BackupFile::Make(to);
    ASSERT_TRUE(file) << Describe(file.error());
    const Status written = file->Write(std::string(1 << 20, 'x'));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(written.error().message, HasSubstr(to + ".new: No space left on device"));
    EXPECT_THAT(written.error().advice, HasSubstr("name another place"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory / "small"));
}

TEST_F(LogRestore, OneBackupIsMadeAtATimeAndItsCopyGoesWithIt) {
  const auto log = OpenOrThrow(path);
  {
    const auto one = log->StartBackup();
    ASSERT_TRUE(one);
    EXPECT_TRUE(std::filesystem::exists(BackupPathOf(path)));
    struct stat file {};
    ASSERT_EQ(::stat(BackupPathOf(path).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600U);
    const auto another = log->StartBackup();
    ASSERT_FALSE(another);
    EXPECT_EQ(another.error().code, ErrorCode::kRetry);
  }
  EXPECT_FALSE(std::filesystem::exists(BackupPathOf(path)));
  EXPECT_TRUE(log->StartBackup());
}

// People lay their copy beside the log, to restore from it, and a start is no reason to remove it.
TEST_F(LogRestore, ACopyThatAPersonLaidBesideTheLogStays) {
  OpenOrThrow(path);
  const std::vector<std::string> natural{path + ".backup", path + ".bak",
                                         directory / "settle.backup"};
  for (const std::string& name : natural) WriteFile(name, "the only copy");
  {
    const auto log = OpenOrThrow(path);
    ASSERT_TRUE(log->StartBackup());
  }
  for (const std::string& name : natural) EXPECT_TRUE(std::filesystem::exists(name)) << name;
}

TEST_F(LogRestore, WhatAKilledDaemonLeftOfABackupIsRemovedByTheNextStart) {
  OpenOrThrow(path);
  WriteFile(BackupPathOf(path), "half of a copy");
  OpenOrThrow(path);
  EXPECT_FALSE(std::filesystem::exists(BackupPathOf(path)));
}

TEST_F(LogRestore, ABackupIsNotServedFromAndSaysWhatToDo) {
  Fetch(*OpenOrThrow(path), copy);
  std::filesystem::permissions(
      copy, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string before = ReadFile(copy);
  const auto served = OpenSqliteDecisionLog({.path = copy});
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, ErrorCode::kRefused);
  EXPECT_THAT(served.error().message, AllOf(HasSubstr("is a backup"), HasSubstr("epoch 1")));
  EXPECT_THAT(served.error().advice, HasSubstr("settle restore " + copy));
  EXPECT_EQ(ReadFile(copy), before);
}

TEST_F(LogRestore, C15_ARestoredLogIsInAHigherEpochAndKnowsWhichEpochsItLost) {
  Gtid known;
  Gtid lost;
  std::string log_id;
  {
    OpenOrThrow(path);
    const auto log = OpenOrThrow(path);  // epoch 2
    log_id = log->identity().log_id;
    known = Append(*log, 1, true);
    Fetch(*log, copy);
    lost = Append(*log, 2, true);
  }
  const auto report = RestoreLog(Call(), {});
  ASSERT_TRUE(report) << Describe(report.error());
  EXPECT_EQ(report->path, restored);
  EXPECT_FALSE(report->backup);
  ASSERT_EQ(report->restored.size(), 1U);
  EXPECT_EQ(report->restored[0].by, "ann");
  EXPECT_EQ(report->restored[0].reason, "disk broke");
  EXPECT_FALSE(std::filesystem::exists(restored + ".new"));

  const auto log = OpenOrThrow(restored);
  const LogIdentity& identity = log->identity();
  EXPECT_EQ(identity.log_id, log_id);
  EXPECT_EQ(identity.epoch, 1'700'000'001U);
  ASSERT_EQ(identity.lost.size(), 1U);
  EXPECT_EQ(identity.lost[0].first, 2U);
  EXPECT_EQ(identity.lost[0].last, 1'700'000'000U);
  EXPECT_TRUE(identity.HasLost(lost));
  EXPECT_FALSE(identity.HasLost(SampleGtid(log_id, 1, 7)));
  EXPECT_FALSE(identity.HasLost(SampleGtid(log_id, identity.epoch, 1)));
  EXPECT_TRUE(log->FindEnded(known)->has_value());
  EXPECT_FALSE(log->FindEnded(lost)->has_value());
}

TEST_F(LogRestore, TheEpochIsAboveTheBackupsByAMillionAndAboveAnyThatIsNamedWhateverTheClockSays) {
  Fetch(*OpenOrThrow(path), copy);
  RestoreCall call = Call();
  call.now = -5;
  ASSERT_TRUE(RestoreLog(call, {}));
  EXPECT_EQ(OpenOrThrow(restored)->identity().epoch, 1'000'002U);
  call.log = directory / "again.db";
  call.epoch_above = 9'000'000;
  ASSERT_TRUE(RestoreLog(call, {}));
  EXPECT_EQ(OpenOrThrow(call.log)->identity().epoch, 9'000'001U);
  call.log = directory / "impossible.db";
  call.epoch_above = ~0ULL;
  EXPECT_EQ(RestoreLog(call, {}).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(call.log));
}

TEST_F(LogRestore, ALogRestoredTwiceKnowsBothLosses) {
  Fetch(*OpenOrThrow(path), copy);
  ASSERT_TRUE(RestoreLog(Call(), {}));
  const std::string second = directory / "second.db";
  Fetch(*OpenOrThrow(restored), second);
  RestoreCall call = Call();
  call.backup = second;
  call.log = directory / "third.db";
  call.now += 60'000'000;
  ASSERT_TRUE(RestoreLog(call, {}));
  const LogIdentity identity = OpenOrThrow(call.log)->identity();
  ASSERT_EQ(identity.lost.size(), 2U);
  EXPECT_EQ(identity.lost[0].first, 1U);
  EXPECT_EQ(identity.lost[1].first, 1'700'000'001U);
  EXPECT_EQ(identity.epoch, 1'701'000'002U) << "a million above the backup's, which is more";
}

TEST_F(LogRestore, WhereNothingWasLostTheEpochGoesOnAndNothingIsUnknown) {
  {
    const auto log = OpenOrThrow(path);
    Append(*log, 1, true);
  }
  std::filesystem::copy_file(path, copy);
  RestoreCall call = Call();
  call.nothing_was_lost = true;
  ASSERT_TRUE(RestoreLog(call, {}));
  const auto log = OpenOrThrow(restored);
  EXPECT_EQ(log->identity().epoch, 2U);
  EXPECT_THAT(log->identity().lost, IsEmpty());
  EXPECT_EQ(Verified(copy).restored.size(), 0U);
}

// Nobody started it in between: a log that was moved to one disk, and then to another.
TEST_F(LogRestore, ARestoredLogCanBeRestoredFromAgain) {
  Append(*OpenOrThrow(path), 1, true);
  std::filesystem::copy_file(path, copy);
  RestoreCall call = Call();
  call.nothing_was_lost = true;
  ASSERT_TRUE(RestoreLog(call, {}));
  call.backup = restored;
  call.log = directory / "again.db";
  const auto again = RestoreLog(call, {});
  ASSERT_TRUE(again) << Describe(again.error());
  EXPECT_EQ(again->restored.size(), 2U);
  EXPECT_THAT(OpenOrThrow(call.log)->identity().lost, IsEmpty());
}

TEST_F(LogRestore, ALogIsNeverOverwrittenNorTakenFromADaemon) {
  const auto log = OpenOrThrow(path);
  Append(*log, 1, true);
  Fetch(*log, copy);
  RestoreCall call = Call();
  call.log = path;
  const auto held = RestoreLog(call, {});
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().message, HasSubstr("in use by"));
  ASSERT_TRUE(RestoreLog(Call(), {}));
  const std::string before = ReadFile(restored);
  const auto there = RestoreLog(Call(), {});
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().code, ErrorCode::kRefused);
  EXPECT_THAT(there.error().message, HasSubstr("never overwritten"));
  EXPECT_EQ(ReadFile(restored), before);
}

TEST_F(LogRestore, ADamagedBackupIsNotRestored) {
  {
    const auto log = OpenOrThrow(path);
    Append(*log, 1, true);
    Fetch(*log, copy);
  }
  {
    auto shell = sqlite::Connection::Open(copy, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(shell.Run("UPDATE meta SET value = '7' WHERE name = 'backup_epoch'"));
  }
  const auto report = RestoreLog(Call(), {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(report.error().message, HasSubstr("backup_epoch is damaged"));
  EXPECT_FALSE(std::filesystem::exists(restored));
}

TEST_F(LogRestore, ARestoreThatIsForgottenOrChangedIsDamage) {
  Fetch(*OpenOrThrow(path), copy);
  ASSERT_TRUE(RestoreLog(Call(), {}));
  const std::string sound = ReadFile(restored);
  for (const char* harm : {"DELETE FROM restored", "UPDATE restored SET lost_from = NULL",
                           "UPDATE restored SET epoch = epoch - 1"}) {
    WriteFile(restored, sound);
    {
      auto shell = sqlite::Connection::Open(restored, sqlite::Access::kReadWrite, 0ms).value();
      ASSERT_TRUE(shell.Run(harm));
    }
    const auto opened = OpenSqliteDecisionLog({.path = restored});
    ASSERT_FALSE(opened) << harm;
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt) << harm;
    EXPECT_FALSE(VerifyLog(restored, {})) << harm;
  }
}

}  // namespace
}  // namespace settle::coordinator
