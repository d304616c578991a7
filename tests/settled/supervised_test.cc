// The program under a service manager that waits for its readiness and watches it.
#include <gmock/gmock.h>

#include "notify_socket.h"
#include "settled_process.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Supervised : public ::testing::Test {
 protected:
  std::vector<std::string> Options(const std::vector<std::string>& more = {}) {
    return OptionsIn(directory_, more);
  }

  const TemporaryDirectory directory_;
  NotifySocket manager_{directory_ / "notify"};
  const std::string variable_ = "NOTIFY_SOCKET=" + (directory_ / "notify");
};

TEST_F(Supervised, SaysThatItServesWhenItDoesAndThatItStopsAndHowLongThatMayTake) {
  Settled settled(directory_, Options({"--drain-timeout", "1m"}), {variable_});
  const std::string ready = manager_.Next(20s);
  EXPECT_THAT(ready, AllOf(StartsWith("READY=1\n"), HasSubstr("STATUS=serving on 127.0.0.1:")));
  // The ready file is there before, and calls are answered.
  const int port = settled.AwaitPort();
  EXPECT_THAT(ready, HasSubstr(":" + std::to_string(port) + ", log "));
  const std::string gtid = Client(port).Begin();

  settled.Signal(SIGTERM);
  EXPECT_THAT(manager_.Next(20s),
              AllOf(StartsWith("STOPPING=1\n"), HasSubstr("\nEXTEND_TIMEOUT_USEC=72000000")));
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
  EXPECT_EQ(manager_.Next(0s), "");
}

TEST_F(Supervised, SaysNothingOfReadinessWhenItCannotServe) {
  Settled settled(directory_, {"--log", directory_ / "missing/settle.db"}, {variable_});
  EXPECT_EQ(settled.ExitCode(), 69);
  EXPECT_EQ(manager_.Next(0s), "");
}

TEST_F(Supervised, ServesOnWhenTheManagerCannotBeTold) {
  Settled settled(directory_, Options(), {"NOTIFY_SOCKET=/nonexistent/notify"});
  EXPECT_TRUE(settled.AwaitSaid("the service manager at /nonexistent/notify cannot be told"));
  EXPECT_FALSE(Client(settled.AwaitPort()).Begin().empty());
}

TEST_F(Supervised, ShowsTheWatchdogThatItLivesWhileItServesAndWhileItDrains) {
  Settled settled(directory_, Options({"--drain-timeout", "1h", "--transaction-timeout", "1h"}),
                  {variable_, "WATCHDOG_USEC=200000"});
  EXPECT_THAT(manager_.Next(20s), StartsWith("READY=1\n"));
  Client(settled.AwaitPort()).Begin();
  for (int beat = 0; beat < 5; ++beat) EXPECT_EQ(manager_.Next(20s), "WATCHDOG=1");
  settled.Signal(SIGTERM);
  std::string told = "WATCHDOG=1";
  while (told == "WATCHDOG=1") told = manager_.Next(20s);
  EXPECT_THAT(told, StartsWith("STOPPING=1\n"));
  for (int beat = 0; beat < 5; ++beat) EXPECT_EQ(manager_.Next(20s), "WATCHDOG=1");
}

}  // namespace
}  // namespace settle::testing
