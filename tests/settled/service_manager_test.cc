// What the service manager is told, and when its watchdog is not.
#include "settled/service_manager.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <string>

#include "notify_socket.h"
#include "settled/heartbeat.h"
#include "support/engine_fakes.h"
#include "support/temporary_directory.h"

namespace settle::coordinator {
namespace {

using settle::testing::NotifySocket;
using settle::testing::TemporaryDirectory;
using ::testing::HasSubstr;

TEST(ServiceManager, IsToldInOneDatagramByPathOrAbstractName) {
  const TemporaryDirectory directory;
  const std::string abstract = "@settle-test-" + std::to_string(::getpid());
  for (const std::string& name : {directory / "notify", abstract}) {
    NotifySocket socket(name);
    ASSERT_TRUE(ServiceManager(name).Tell("READY=1\nSTATUS=fine")) << name;
    EXPECT_EQ(socket.Next(10s), "READY=1\nSTATUS=fine") << name;
  }
}

TEST(ServiceManager, NobodyAskedSoNobodyIsTold) { EXPECT_TRUE(ServiceManager("").Tell("READY=1")); }

TEST(ServiceManager, SaysWhomItCannotTell) {
  const Status gone = ServiceManager("/nonexistent/notify").Tell("READY=1");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(gone.error().message, HasSubstr("/nonexistent/notify"));
  for (const std::string& name : {std::string("vsock:2:1"), "/" + std::string(200, 'x')}) {
    const Status wrong = ServiceManager(name).Tell("READY=1");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::kInvalid);
  }
}

TEST(ServiceManager, WaitsForNoManagerThatDoesNotRead) {
  const TemporaryDirectory directory;
  NotifySocket socket(directory / "notify");
  const ServiceManager manager(directory / "notify");
  Status told;
  for (int i = 0; told && i < 100'000; ++i) told = manager.Tell("WATCHDOG=1");
  EXPECT_EQ(told.error().code, ErrorCode::kUnavailable);
}

TEST(ServiceManager, TheWatchdogIsShownLifeTwiceInItsTimeIfItWatchesThisProcess) {
  const std::string self = std::to_string(::getpid());
  EXPECT_EQ(WatchdogPause("60000000", nullptr), 30s);
  EXPECT_EQ(WatchdogPause("60000000", self.c_str()), 30s);
  EXPECT_EQ(WatchdogPause("60000000", "1"), std::nullopt);
  EXPECT_EQ(WatchdogPause(nullptr, self.c_str()), std::nullopt);
  for (const char* text : {"", "0", "1999", "-1", "60s", "18446744073709551615"})
    EXPECT_EQ(WatchdogPause(text, nullptr), std::nullopt) << text;
}

TEST(Heartbeat, IsSilentWhileAShardDoesNotTurn) {
  const TemporaryDirectory directory;
  NotifySocket socket(directory / "notify");
  const ServiceManager manager(directory / "notify");
  EngineUnderTest under_test({.shards = 3});
  Heartbeat heartbeat(under_test.engine(), manager, 1s);
  heartbeat.Beat();
  EXPECT_EQ(socket.Next(10s), "WATCHDOG=1");

  const auto& shards = under_test.engine().shards();
  ASSERT_EQ(shards.size(), 3u);
  shards[0]->RunReady();
  shards[2]->RunReady();
  heartbeat.Beat();
  EXPECT_EQ(socket.Next(0s), "");
  shards[1]->RunReady();
  heartbeat.Beat();
  EXPECT_EQ(socket.Next(10s), "WATCHDOG=1");
}

TEST(Heartbeat, BeatsWhileItSleepsAndSleepsNoLongerThanAsked) {
  const TemporaryDirectory directory;
  NotifySocket socket(directory / "notify");
  const ServiceManager manager(directory / "notify");
  EngineUnderTest under_test;
  Wakeups wakeups;
  Heartbeat heartbeat(under_test.engine(), manager, 10min);
  EXPECT_EQ(heartbeat.Await(wakeups, 1ms), Wakeups::Cause::kTimeout);
  EXPECT_EQ(socket.Next(10s), "WATCHDOG=1");
  wakeups.Notify();
  EXPECT_EQ(heartbeat.Await(wakeups, std::nullopt), Wakeups::Cause::kNotice);

  Heartbeat unwatched(under_test.engine(), manager, std::nullopt);
  under_test.Run();
  EXPECT_EQ(unwatched.Await(wakeups, 1ms), Wakeups::Cause::kTimeout);
  EXPECT_EQ(socket.Next(0s), "");
}

}  // namespace
}  // namespace settle::coordinator
