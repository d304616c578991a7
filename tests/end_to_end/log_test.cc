// The decision log of a real daemon: pruned under load, on a disk that fills up, damaged or locked
// by others.
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The exit codes of `settled --help`.
constexpr int kLogDamaged = 65;
constexpr int kLogUnavailable = 69;
constexpr int kInternal = 70;

class DaemonsLog : public EndToEnd {
 protected:
  DaemonsLog() : EndToEnd(kBothSqlite) {}

  std::string InLog(const std::string& sql) {
    return OpenSqliteFile(world_.daemon().log_path())->Value(sql);
  }
  // `settle show` of it exits with 3 and says that its record is gone.
  bool IsShownAsExpired(const std::string& gtid) {
    const CliAnswer shown = world_.Cli({"show", gtid});
    return shown.code == 3 && shown.json.contains("error") &&
           shown.json["error"]["code"] == "expired";
  }
  bool WriteUntilFull(const std::string& path) {
    std::ofstream ballast(path, std::ios::binary);
    const std::string block(4096, 'x');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
    return !ballast;
  }
};

class PrunedDaemon : public DaemonsLog {
 protected:
  static constexpr std::size_t kKeep = 20;
  static constexpr std::size_t kSlack = 128;  // half of what one step removes at the most

  PrunedDaemon() { world_.daemon().options = {"--keep-ended", std::to_string(kKeep)}; }

  // Transactions that touch no bank, until what ended before them is pruned.
  void PruneEverythingBefore() {
    Application& nobody = world_.Start({.banks = ""});
    for (std::size_t i = 0; i < kKeep + 2 * kSlack; ++i) {
      nobody.Begin();
      ASSERT_THAT(nobody.Ask("abort"), StartsWith("aborted"));
    }
    ASSERT_TRUE(nobody.Quit());
  }
};

TEST_F(PrunedDaemon, L10_UnderLoadTheLogIsBoundedAndAnOldTransactionIsExpiredAndNeverAborted) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  ASSERT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("committed"));
  shop.StartLoad();
  const auto done = [&] { return world_.bank('a').Transfers().size() > 3 * (kKeep + kSlack); };
  ASSERT_TRUE(WaitUntil(done, 90s));
  EXPECT_THAT(shop.StopLoad(), StartsWith("ok"));

  const std::size_t most = 3 * (kKeep + kSlack);  // two records each, and some that queue
  EXPECT_TRUE(WaitUntil([&] { return std::stoul(InLog("SELECT count(*) FROM record")) < most; }));
  EXPECT_GT(std::stoul(InLog("SELECT max(position) FROM record")), 2 * most);
  for (int life = 0; life < 2; ++life) {
    EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("expired"));
    EXPECT_TRUE(IsShownAsExpired(gtid));
    for (const char* to : {"commit", "abort"}) {
      EXPECT_EQ(world_.Cli({"resolve", gtid, to, "--reason", "it is gone"}).code, 3);
    }
    // Ends are lazy: the last ones may still be on their way, or told again after the kill.
    EXPECT_TRUE(WaitUntil([&] {
      return world_.Cli({"status"}).json["committed"] >= world_.bank('a').Transfers().size();
    }));
    world_.daemon().Kill();
    world_.daemon().Start();
  }
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(PrunedDaemon, L10_WhatIsInDoubtOutlivesAnyNumberOfOthers) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  shop.Kill();
  world_.daemon().Start();
  const std::string first = world_.Start({.banks = ""}).Begin(100ms);
  for (int round = 0; round < 2; ++round) {
    PruneEverythingBefore();
    world_.daemon().Kill();
    world_.daemon().Start();
  }
  EXPECT_TRUE(IsShownAsExpired(first));
  EXPECT_EQ(world_.OutcomeShown(gtid), "committed");
  EXPECT_THAT(world_.Cli({"in-doubt"}).out, HasSubstr(gtid));
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

TEST_F(PrunedDaemon, L10_ABranchFoundOfAPrunedTransactionIsLeftAloneAndListed) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  shop.Kill();
  const std::string bank = world_ / "bank-b.db";
  OpenSqliteFile(bank)->Query("VACUUM INTO '" + (world_ / "older.db") + "'");
  world_.daemon().Start();
  Application& next = world_.Start();
  ASSERT_TRUE(WaitUntil([&] { return world_.HalvesOf(gtid) == 2; }));
  ASSERT_TRUE(WaitUntil([&] { return InLog("SELECT count(*) FROM ended") != "0"; }));
  next.Quit();
  PruneEverythingBefore();
  ASSERT_TRUE(WaitUntil([&] { return IsShownAsExpired(gtid); }));

  // Bank b is restored from before the commit: the branch is prepared in it again.
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(bank + suffix);
  std::ofstream(bank, std::ios::binary) << ReadFile(world_ / "older.db");  // it stays the same file
  ASSERT_EQ(world_.PreparedBranches(), 1u);
  world_.Start();
  const auto strays = [&] { return world_.Cli({"in-doubt"}).json["strays"]; };
  ASSERT_TRUE(WaitUntil([&] { return strays().size() == 1; })) << world_.Cli({"in-doubt"}).out;
  EXPECT_THAT(strays()[0]["why"].get<std::string>(),
              AllOf(HasSubstr("its record was pruned"), HasSubstr("by hand")));
  EXPECT_EQ(world_.PreparedBranches(), 1u) << "nothing may be presumed";
}

// A file system of the test's own.
class SmallDisk {
 public:
  SmallDisk(std::string path, unsigned long flags, const char* options) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", flags, options) == 0;
    why_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& why() const { return why_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  bool mounted_ = false;
  std::string why_;
};

TEST_F(DaemonsLog, L01_OnAFullDisk_NewOnesAreAbortedOldOnesFinishAndItRecoversWithSpace) {
  const SmallDisk disk(world_ / "disk", 0, "size=4m,mode=700");
  if (!disk.mounted()) GTEST_SKIP() << "only root may mount a small disk: " << disk.why();
  world_.daemon().log_directory = disk.path();
  world_.daemon().Start();
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b", .failpoint = "participant.before_finish"});
  const std::string old = world_.MoveTogether(shop, service);
  shop.Send("commit decision");
  ASSERT_TRUE(service.AwaitFailpoint());
  ASSERT_THAT(shop.Answer(), StartsWith("committed"));
  ASSERT_TRUE(WriteUntilFull(disk / "ballast"));

  Application& next = world_.Start({.banks = "b"});
  EXPECT_TRUE(WaitUntil([&] { return world_.HalvesOf(old) == 2; })) << "what is decided goes on";
  const std::string refused = world_.MoveTogether(shop, next);
  EXPECT_THAT(shop.Ask("commit"), AllOf(StartsWith("aborted log-refused"), HasSubstr("full")));
  EXPECT_EQ(world_.OutcomeShown(old), "committed") << "its end finds no room, and is kept";

  std::filesystem::remove(disk / "ballast");
  world_.MoveTogether(shop, next);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  world_.daemon().Kill();
  world_.daemon().Start();
  EXPECT_EQ(world_.OutcomeShown(old), "committed");
  EXPECT_EQ(world_.OutcomeShown(refused), "aborted");
}

TEST_F(DaemonsLog, L01_AStartOnAFullDisk_IsRefusedAndWorksWithSpace) {
  const SmallDisk disk(world_ / "disk", 0, "size=4m,mode=700");
  if (!disk.mounted()) GTEST_SKIP() << "only root may mount a small disk: " << disk.why();
  world_.daemon().log_directory = disk.path();
  world_.daemon().Start();
  world_.daemon().Terminate();
  ASSERT_TRUE(WriteUntilFull(disk / "ballast"));
  Process& refused = world_.daemon().StartUnawaited();
  const auto ended = refused.Wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, kLogUnavailable);
  EXPECT_THAT(refused.Errors(), AllOf(HasSubstr("No space left"), HasSubstr("make room")));
  std::filesystem::remove(disk / "ballast");
  world_.daemon().Start();
}

// The kernel's answer to fdatasync, exchanged on its way to the daemon.
TEST_F(DaemonsLog, L02_AFailedFlush_EndsTheDaemonAndTheNextOneReadsWhatIsThere) {
  if (!std::filesystem::exists("/usr/bin/strace")) GTEST_SKIP() << "strace is not installed";
  world_.daemon().Start();
  Application& shop = world_.Start({.call_timeout = 5s});
  const std::string gtid = world_.Move(shop);
  const std::string seen = world_ / "strace.out";
  Process strace({.arguments = {"/usr/bin/strace", "-f", "-p",
                                std::to_string(world_.daemon().process().id()), "-o", seen, "-e",
                                "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"},
                  .output_path = world_ / "strace.said",
                  .user = std::nullopt});
  const auto attached = [&] {
    return strace.Output().find("attached") != std::string::npos || !strace.running();
  };
  ASSERT_TRUE(WaitUntil(attached));
  if (!strace.running()) GTEST_SKIP() << "this process may not be traced: " << strace.Output();
  shop.Send("commit");
  const auto ended = world_.daemon().process().Wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, kInternal);
  ASSERT_THAT(ReadFile(seen), HasSubstr("INJECTED")) << "the fault never fired";
  EXPECT_THAT(world_.daemon().Said(), HasSubstr("nobody was told anything"));
  strace.Kill();

  world_.daemon().Start();
  const std::string told = FirstWord(shop.Answer());
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  const std::string outcome = FirstWord(shop.Ask("outcome " + gtid));
  EXPECT_THAT(outcome, AnyOf("committed", "aborted"));
  EXPECT_THAT(told, AnyOf(outcome, "unknown"));
}

TEST_F(DaemonsLog, L09_AReadOnlyFileSystem_IsNamedWithTheExitCodeOfAnUnavailableLog) {
  const SmallDisk disk(world_ / "disk", MS_RDONLY, "size=1m,mode=700");
  if (!disk.mounted()) GTEST_SKIP() << "only root may mount a small disk: " << disk.why();
  world_.daemon().log_directory = disk.path();
  Process& refused = world_.daemon().StartUnawaited();
  const auto ended = refused.Wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, kLogUnavailable);
  EXPECT_THAT(refused.Errors(), AllOf(HasSubstr(disk.path()), HasSubstr("Read-only")));
}

TEST_F(DaemonsLog, L09_AnotherUsersLog_IsRefusedAndNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  world_.daemon().Start();
  world_.daemon().Terminate();
  ASSERT_EQ(::chown(world_.daemon().log_path().c_str(), 12345, 12345), 0);
  Process& refused = world_.daemon().StartUnawaited();
  const auto ended = refused.Wait();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, kLogUnavailable);
  EXPECT_THAT(refused.Errors(), HasSubstr("belongs to user 12345"));
}

class DamagedWhileDown : public DaemonsLog {
 protected:
  // Killed with a decision in its -wal file.
  void KillWithADecision() {
    world_.daemon().Start();
    Application& shop = world_.Start();
    gtid_ = world_.Move(shop);
    ASSERT_THAT(shop.Ask("commit"), StartsWith("committed"));
    shop.Quit();
    world_.daemon().Kill();
    ASSERT_GT(std::filesystem::file_size(Wal()), 0u);
  }
  void ExpectRefusal(const std::string& words) {
    Process& refused = world_.daemon().StartUnawaited();
    const auto ended = refused.Wait();
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->code, kLogDamaged) << refused.Errors();
    EXPECT_THAT(refused.Errors(), HasSubstr(words));
  }
  std::string Wal() { return world_.daemon().log_path() + "-wal"; }

  std::string gtid_;
};

TEST_F(DamagedWhileDown, L05_TheWalFileDeleted_IsRefusedAndItsReturnHeals) {
  KillWithADecision();
  std::filesystem::rename(Wal(), world_ / "kept-wal");
  ExpectRefusal("-wal, which is missing");
  std::filesystem::rename(world_ / "kept-wal", Wal());
  world_.daemon().Start();
  EXPECT_EQ(world_.OutcomeShown(gtid_), "committed");
}

TEST_F(DamagedWhileDown, L05_AFlippedByteOrATruncatedFile_IsRefused) {
  KillWithADecision();
  const std::string wal = ReadFile(Wal());
  std::string flipped = wal;
  flipped[flipped.size() / 2] ^= 1;
  std::ofstream(Wal(), std::ios::binary) << flipped;
  ExpectRefusal("-wal is damaged: ");
  std::ofstream(Wal(), std::ios::binary) << wal.substr(0, wal.size() / 2);
  ExpectRefusal("-wal is damaged: ");
  std::ofstream(Wal(), std::ios::binary) << wal;
  world_.daemon().Start();
  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  std::filesystem::resize_file(world_.daemon().log_path(), 8192);
  ExpectRefusal(world_.daemon().log_path());
}

TEST_F(DaemonsLog, L07_AShellThatLocksTheLog_CostsAnAbortInBoundedTimeAndNoHang) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  world_.Move(shop);
  sqlite3* shell = nullptr;
  ASSERT_EQ(sqlite3_open(world_.daemon().log_path().c_str(), &shell), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(shell, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_THAT(shop.Ask("commit"), AllOf(StartsWith("aborted log-refused"), HasSubstr("locked")));
  EXPECT_EQ(world_.Cli({"status"}).code, 0);
  ASSERT_EQ(sqlite3_exec(shell, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  // A long read delays nobody.
  ASSERT_EQ(sqlite3_exec(shell, "BEGIN; SELECT count(*) FROM record", nullptr, nullptr, nullptr),
            SQLITE_OK);
  world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  sqlite3_close(shell);
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

}  // namespace
}  // namespace settle::testing
