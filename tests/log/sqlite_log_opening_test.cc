#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log_opening.h"
#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class LogOpening : public ::testing::Test {
 protected:
  Error Refusal() {
    const auto log = OpenSqliteDecisionLog({.path = path});
    EXPECT_FALSE(log);
    return log ? Error{} : log.error();
  }
  void MakeLogWithOneRecord() {
    const auto log = OpenOrThrow(path);
    AppendAndWait(*log, SampleResource());
  }

  TemporaryDirectory directory;
  std::string path = directory / "settle.db";
};

TEST_F(LogOpening, L09_AMissingDirectoryIsNamed) {
  path = directory / "missing/settle.db";
  const Error error = Refusal();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, AllOf(HasSubstr(directory / "missing"), HasSubstr("No such file")));
  EXPECT_THAT(error.advice, HasSubstr("make the directory"));
}

TEST_F(LogOpening, L09_WhatIsNotAFileIsNamed) {
  std::filesystem::create_directory(path);
  EXPECT_THAT(Refusal().message, HasSubstr(path + " is not a regular file"));
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(Refusal().message, HasSubstr(path + " is not a regular file"));
  for (const char* bad : {"", ".", "..", "/", "a/"}) {
    path = bad;
    EXPECT_EQ(Refusal().code, ErrorCode::kInvalid) << bad;
  }
}

TEST_F(LogOpening, L09_LinksAreNotFollowed) {
  MakeLogWithOneRecord();
  const std::string real = path;
  path = directory / "link.db";
  std::filesystem::create_symlink(real, path);
  EXPECT_THAT(Refusal().message, HasSubstr("is a symbolic link"));
  std::filesystem::remove(path);
  std::filesystem::create_hard_link(real, path);
  EXPECT_THAT(Refusal().message, HasSubstr("more than one name"));
  path = directory / "other.db";
  std::filesystem::create_symlink(real, path + ".lock");
  EXPECT_THAT(Describe(Refusal()), HasSubstr("symbolic link"));
}

TEST_F(LogOpening, ADirectoryBehindALinkIsTheSameDirectory) {
  MakeLogWithOneRecord();
  const TemporaryDirectory elsewhere;
  std::filesystem::create_directory_symlink(directory.path(), elsewhere / "link");
  const auto log = OpenOrThrow(elsewhere / "link/settle.db");
  EXPECT_EQ(Refusal().code, ErrorCode::kRefused);
}

TEST_F(LogOpening, L09_OthersFilesAndFilesThatOthersMayWriteAreRefused) {
  MakeLogWithOneRecord();
  std::filesystem::permissions(path, std::filesystem::perms::group_write,
                               std::filesystem::perm_options::add);
  EXPECT_THAT(Describe(Refusal()), AllOf(HasSubstr("may be written to by other users"),
                                         HasSubstr("chmod 600")));
  std::filesystem::permissions(path, std::filesystem::perms::group_write,
                               std::filesystem::perm_options::remove);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
    EXPECT_THAT(Refusal().message, HasSubstr("belongs to user 12345"));
    ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
  }
  EXPECT_TRUE(OpenSqliteDecisionLog({.path = path}));
}

// Runs as an ordinary user, since root may write everywhere.
TEST_F(LogOpening, L09_ADirectoryThatCannotBeWrittenIsNamed) {
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(12345) != 0) ::_exit(9);
    const auto log = OpenSqliteDecisionLog({.path = path});
    const bool right = !log && log.error().code == ErrorCode::kUnavailable &&
                       log.error().message.find("Permission denied") != std::string::npos &&
                       log.error().message.find(path) != std::string::npos;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
}

TEST_F(LogOpening, WhatAnotherProgramMadeIsLeftAsItIs) {
  WriteFile(path, std::string(8192, 'x'));
  EXPECT_EQ(Refusal().code, ErrorCode::kCorrupt);
  EXPECT_EQ(ReadFile(path), std::string(8192, 'x'));

  WriteFile(path, "");
  EXPECT_THAT(Refusal().message, HasSubstr("is empty"));
  {
    auto other = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(other.Run("CREATE TABLE accounts (id); INSERT INTO accounts VALUES (1)"));
  }
  const std::string before = ReadFile(path);
  EXPECT_THAT(Refusal().message, HasSubstr("is not a decision log"));
  EXPECT_EQ(ReadFile(path), before);
}

TEST_F(LogOpening, L08_ANewerSchemaIsRefusedWithBothVersionsAndLeftAsItIs) {
  MakeLogWithOneRecord();
  {
    auto newer = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    ASSERT_TRUE(newer.Run("PRAGMA user_version = 9"));
  }
  const std::string before = ReadFile(path);
  const Error error = Refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, AllOf(HasSubstr("schema version 9"), HasSubstr("up to 5")));
  EXPECT_EQ(ReadFile(path), before);
}

TEST_F(LogOpening, L08_AMigrationThatFailsLeavesTheSchemaBeforeIt) {
  MakeLogWithOneRecord();
  std::vector<Migration> migrations(migrations::coordinator().begin(),
                                    migrations::coordinator().end());
  const int next = static_cast<int>(migrations.size()) + 1;
  migrations.push_back({next, "0003_bad.sql", "CREATE TABLE two (x); CREATE TABLE record (y)"});
  const auto opened = OpenLog({.path = path}, migrations);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("0003_bad.sql"));
  EXPECT_EQ(ReplayOrThrow(*OpenOrThrow(path)).size(), 1U);
  migrations.back().sql = "CREATE TABLE two (x)";
  EXPECT_TRUE(OpenLog({.path = path}, migrations));
}

TEST_F(LogOpening, C13_ASecondOpeningInTheSameProcessIsRefusedAndTheFirstUnharmed) {
  const auto first = OpenOrThrow(path);
  for (int i = 0; i < 3; ++i) {
    const Error error = Refusal();
    EXPECT_EQ(error.code, ErrorCode::kRefused);
    EXPECT_THAT(error.message, HasSubstr("process " + std::to_string(::getpid())));
    EXPECT_EQ(AppendAndWait(*first, SampleResource()).result, AppendResult::kDurable);
  }
}

TEST_F(LogOpening, ALogThatAnInterruptedCreationLeftIsMadeAnew) {
  WriteFile(path + ".new", "half");
  WriteFile(path + ".new-journal", "half");
  EXPECT_EQ(OpenOrThrow(path)->identity().epoch, 1U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(LogOpening, DurabilityIsSetInTheFileItself) {
  const auto log = OpenOrThrow(path);
  auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadOnly, 0ms).value();
  EXPECT_EQ(shell.Ask("PRAGMA journal_mode").value(), "wal");
}

}  // namespace
}  // namespace settle::coordinator
