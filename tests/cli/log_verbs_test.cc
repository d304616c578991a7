// The verbs that are about the decision log's file.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "log/sqlite_decision_log.h"
#include "support/temporary_directory.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class LogVerbs : public Verbs {
 protected:
  // What a coordinator would send.
  std::string BackupOfANewLog() {
    auto log = coordinator::OpenSqliteDecisionLog({.path = directory_ / "settle.db"}).value();
    const auto backup = log->StartBackup().value();
    while (!backup->Await()->complete) {
    }
    return *backup->Read(0, 1 << 20);
  }

  const settle::testing::TemporaryDirectory directory_;
  const std::string copy_ = directory_ / "copy.db";
};

TEST_F(LogVerbs, ABackupIsFetchedInPartsVerifiedAndOnlyThenHasItsName) {
  admin_.backup_bytes = BackupOfANewLog();
  const Document json = RunJson({"backup", copy_});
  EXPECT_EQ(json["file"], copy_);
  EXPECT_EQ(json["backup"]["epoch"], 1);
  EXPECT_EQ(json["bytes"], admin_.backup_bytes.size());
  EXPECT_EQ(ReadAll(copy_), admin_.backup_bytes);
  EXPECT_FALSE(std::filesystem::exists(copy_ + ".new"));
  EXPECT_GT(std::count(admin_.calls.begin(), admin_.calls.end(), "backup-read"), 2);
  EXPECT_EQ(admin_.calls.back(), "backup-end");
  const Printed again = Run({"backup", copy_});
  EXPECT_EQ(again.exit, ExitCode::kRefused);
  EXPECT_THAT(again.err, HasSubstr("is not overwritten"));
}

TEST_F(LogVerbs, WhatComesDamagedIsNoBackupAndLeavesNothing) {
  admin_.backup_bytes = BackupOfANewLog();
  admin_.backup_bytes.resize(admin_.backup_bytes.size() / 2);
  EXPECT_EQ(Run({"backup", copy_}).exit, ExitCode::kDamaged);
  EXPECT_FALSE(std::filesystem::exists(copy_));
  EXPECT_FALSE(std::filesystem::exists(copy_ + ".new"));
}

TEST_F(LogVerbs, ARefusedBackupLeavesNothing) {
  FailWith(wire::ErrorCode::RETRY, "another backup is being made");
  const Printed printed = Run({"backup", copy_});
  EXPECT_EQ(printed.exit, ExitCode::kRefused);
  EXPECT_THAT(printed.err, HasSubstr("another backup"));
  EXPECT_FALSE(std::filesystem::exists(copy_ + ".new"));
}

TEST_F(LogVerbs, VerifyLogSaysWhatIsThereAndByItsExitCodeWhetherItIsSound) {
  WriteAll(copy_, BackupOfANewLog());
  const Printed sound = Run({"verify-log", copy_});
  EXPECT_EQ(sound.exit, ExitCode::kOk);
  EXPECT_THAT(sound.out, AllOf(HasSubstr("backup     taken 2"), HasSubstr("it is sound")));
  EXPECT_THAT(admin_.calls, IsEmpty()) << "it needs no coordinator";
  std::string bytes = ReadAll(copy_);
  WriteAll(copy_, bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(Run({"verify-log", copy_}).exit, ExitCode::kDamaged);
  bytes[63] = 9;  // user_version
  WriteAll(copy_, bytes);
  const Printed newer = Run({"verify-log", copy_});
  EXPECT_EQ(newer.exit, ExitCode::kOtherRelease);
  EXPECT_THAT(newer.err, HasSubstr("schema version 9"));
  EXPECT_EQ(Run({"verify-log", directory_ / "none"}).exit, ExitCode::kUnreachable);
}

TEST_F(LogVerbs, RestoreSaysWhatIsUnknownFromNowOnAndWantsAReason) {
  WriteAll(copy_, BackupOfANewLog());
  const std::string log = directory_ / "restored.db";
  EXPECT_EQ(Run({"restore", copy_, log}).exit, ExitCode::kUsage);
  EXPECT_EQ(Run({"restore", copy_, log, "--reason", "r", "--epoch-above", "-1"}).exit,
            ExitCode::kUsage);
  EXPECT_FALSE(std::filesystem::exists(log));
  const Document json =
      RunJson({"restore", copy_, log, "--reason", "disk broke", "--operator", "ann"});
  ASSERT_EQ(json["restored"].size(), 1U);
  EXPECT_EQ(json["restored"][0]["first_epoch"], 1);
  EXPECT_EQ(json["restored"][0]["operator"], "ann");
  EXPECT_EQ(json["backup"], nullptr);
  const Printed there = Run({"restore", copy_, log, "--reason", "again"});
  EXPECT_EQ(there.exit, ExitCode::kRefused);
  const Printed other =
      Run({"restore", copy_, directory_ / "o.db", "--reason", "moved", "--nothing-was-lost"});
  EXPECT_EQ(other.exit, ExitCode::kOk);
  EXPECT_THAT(other.out, HasSubstr("presumes abort as ever"));
}

TEST_F(LogVerbs, StatusNamesWhatARestoredLogLost) {
  wire::LostEpochsView lost;
  lost.first = 3;
  lost.last = 1'000'003;
  lost.settled = false;
  admin_.status_reply.__set_lost({lost});
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("epochs 3 to 1000003: restored from a copy, settled --losses-settled"));
  EXPECT_EQ(RunJson({"status"})["lost"][0]["last_epoch"], 1'000'003);
}

}  // namespace
}  // namespace settle::cli
