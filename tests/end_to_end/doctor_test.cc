// `settle doctor` over real daemons and databases: on a sound deployment, and on one that is broken
// in one way after the other.
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kUnreachable = 4;
constexpr int kUnsound = 10;

class Doctor : public EndToEnd {
 protected:
  explicit Doctor(Kinds kinds = kMixed) : EndToEnd(kinds) {}

  CliAnswer Examine() { return world_.Cli({"doctor"}); }

  // Of the findings that an operator is to do something about: "section: severity code". A busy
  // disk of the machine that runs the tests, or a small one, is not the deployment's fault.
  static std::set<std::string> Alarms(const CliAnswer& answer) {
    std::set<std::string> alarms = AllAlarms(answer);
    std::erase_if(alarms, [](const std::string& alarm) {
      return alarm == "log: warning log-flush" || alarm.ends_with("warning log-space") ||
             alarm.ends_with("warning sqlite-space");
    });
    return alarms;
  }
  static std::set<std::string> AllAlarms(const CliAnswer& answer) {
    std::set<std::string> alarms;
    for (const auto& section : answer.json["sections"]) {
      for (const auto& finding : section["findings"]) {
        const std::string severity = finding["severity"];
        if (severity != "warning" && severity != "problem") continue;
        EXPECT_NE(finding["advice"], "") << finding;
        alarms.insert(section["section"].get<std::string>() + ": " + severity + " " +
                      finding["code"].get<std::string>());
      }
    }
    return alarms;
  }
  // The tests' servers do not flush, which is the first thing that the doctor would say.
  void LetPostgresFlush() {
    world_.cluster().SetSettings({"fsync=on"});
    world_.cluster().Restart();
  }
};

TEST_F(Doctor, ASoundDeploymentRaisesNoAlarm) {
  LetPostgresFlush();
  world_.daemon().Start();
  Application& shop = world_.Start();
  for (int transfer = 0; transfer < 3; ++transfer) {
    world_.Move(shop);
    ASSERT_EQ(FirstWord(shop.Ask("commit")), "committed");
  }
  const CliAnswer answer = Examine();
  EXPECT_THAT(Alarms(answer), IsEmpty());
  EXPECT_EQ(answer.code, AllAlarms(answer).empty() ? 0 : kUnsound) << answer.out;
  EXPECT_EQ(answer.json["sound"], AllAlarms(answer).empty());
  EXPECT_GE(answer.json["counts"]["ok"], 30);
  EXPECT_THAT(answer.out, AllOf(HasSubstr("\"resource a\""), HasSubstr("\"resource b\""),
                                HasSubstr("listens on " + world_.daemon().address()),
                                HasSubstr("20 flushes of 4 KiB beside the log")));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty()) << "looking changes nothing";
}

TEST_F(Doctor, LooksWhileTransfersRunWithoutAnAlarm) {
  LetPostgresFlush();
  world_.daemon().Start();
  Application& shop = world_.Start();
  shop.StartLoad();
  ASSERT_TRUE(WaitUntil([&] { return world_.bank('a').Transfers().size() > 3; }));
  for (int look = 0; look < 5; ++look) EXPECT_THAT(Alarms(Examine()), IsEmpty());
  EXPECT_THAT(shop.StopLoad(), StartsWith("ok"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(Doctor, G10_AServerThatDoesNotFlushIsAProblemAndAForeignBranchIsNoted) {
  world_.daemon().Start();
  world_.Start();
  world_.cluster().Query("bank_a", "BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'not-settles'");
  const CliAnswer answer = Examine();
  EXPECT_EQ(answer.code, kUnsound);
  EXPECT_EQ(Alarms(answer), std::set<std::string>{"resource a: problem postgresql-fsync"});
  EXPECT_THAT(answer.out, HasSubstr("not-settles"));
  world_.bank('a').RollBackByHand("not-settles");
}

TEST_F(Doctor, G02_AServerThatLostItsSlotsIsAProblem) {
  world_.daemon().Start();
  world_.Start();
  world_.cluster().SetSettings({"fsync=on", "max_prepared_transactions=0"});
  world_.cluster().Restart();
  EXPECT_EQ(Alarms(Examine()),
            std::set<std::string>{"resource a: problem postgresql-prepared-slots"});
}

TEST_F(Doctor, ADatabaseThatIsDownIsAProblemOfThatResourceAlone) {
  world_.daemon().Start();
  world_.Start();
  world_.cluster().Stop();
  EXPECT_EQ(Alarms(Examine()), std::set<std::string>{"resource a: problem postgresql-reachable"});
}

TEST_F(Doctor, WhatWaitsForANameThatNobodyServesIsAProblem) {
  LetPostgresFlush();
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  service.Kill();
  world_.daemon().Start();
  EXPECT_TRUE(WaitUntil([&] {
    return Alarms(Examine()) == std::set<std::string>{"participants: problem participants-served",
                                                      "resource b: warning resource-answer"};
  })) << Examine().out;
  EXPECT_THAT(Examine().out, HasSubstr("settle agent --resource b"));

  world_.Start({.banks = "b"});
  EXPECT_TRUE(WaitUntil([&] { return Alarms(Examine()).empty(); })) << Examine().out;
  EXPECT_EQ(world_.OutcomeShown(gtid), "committed");
}

TEST_F(Doctor, ALogInMemoryIsWarnedAbout) {
  LetPostgresFlush();
  const TemporaryDirectory memory("/dev/shm");
  world_.daemon().log_directory = memory.path();
  world_.daemon().Start();
  world_.Start();
  const CliAnswer answer = Examine();
  EXPECT_EQ(answer.code, kUnsound);
  EXPECT_THAT(Alarms(answer), Contains("log: warning log-file-system"));
  EXPECT_THAT(Alarms(answer), Not(Contains(HasSubstr("resource"))));
  world_.daemon().Terminate();
}

// In a mount namespace of this test's own, where a small file system can be had.
TEST_F(Doctor, L01_ALogWithoutRoomIsAProblem) {
  const TemporaryDirectory small;
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", small.path().c_str(), "tmpfs", 0, "size=12m") != 0) {
    GTEST_SKIP() << "no file system can be mounted here: " << std::strerror(errno);
  }
  world_.daemon().log_directory = small.path();
  world_.daemon().Start();
  EXPECT_THAT(Alarms(Examine()), Contains("log: problem log-space"));
  world_.daemon().Terminate();
  EXPECT_EQ(::umount2(small.path().c_str(), MNT_DETACH), 0);
}

TEST_F(Doctor, ACoordinatorThatIsGoneIsToldAsNobodyListening) {
  world_.daemon().Start();
  world_.daemon().Kill();
  const CliAnswer answer = Examine();
  EXPECT_EQ(answer.code, kUnreachable);
  EXPECT_EQ(Alarms(answer), std::set<std::string>{"reach: problem reach-port"});
}

TEST_F(Doctor, ACoordinatorThatHangsIsToldAsSomethingThatDoesNotAnswer) {
  world_.daemon().Start();
  world_.daemon().process().Signal(SIGSTOP);
  const CliAnswer answer = world_.Cli({"doctor", "--timeout", "500ms"});
  world_.daemon().process().Signal(SIGCONT);
  EXPECT_EQ(answer.code, kUnreachable);
  EXPECT_EQ(Alarms(answer), std::set<std::string>{"reach: problem reach-protocol"});
}

}  // namespace
}  // namespace settle::testing
