// The small parts that the daemon is put together from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <future>
#include <set>
#include <string>
#include <thread>

#include "settled/exit_codes.h"
#include "settled/ready_file.h"
#include "settled/system_ports.h"
#include "settled/wakeups.h"
#include "support/temporary_directory.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using settle::testing::TemporaryDirectory;
using ::testing::HasSubstr;

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

TEST(ReadyFile, HoldsTheAddressWhileTheDaemonServes) {
  const TemporaryDirectory directory;
  const std::string path = directory / "ready";
  {
    ReadyFile ready(path);
    EXPECT_FALSE(Exists(path));
    ASSERT_TRUE(ready.Write({"127.0.0.1:4711", "unix:/run/s.sock"}));
    std::string line;
    std::getline(std::ifstream(path) >> std::ws, line);
    EXPECT_EQ(line, "127.0.0.1:4711");
    EXPECT_FALSE(Exists(path + "." + std::to_string(::getpid())));
  }
  EXPECT_FALSE(Exists(path));
}

TEST(ReadyFile, OneLeftByAKilledDaemonIsGoneBeforeThisOneServes) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "ready") << "127.0.0.1:1\n";
  const ReadyFile ready(directory / "ready");
  EXPECT_FALSE(Exists(directory / "ready"));
}

TEST(ReadyFile, SaysWhyItCannotBeWritten) {
  const TemporaryDirectory directory;
  ReadyFile ready(directory / "missing/ready");
  const Status written = ready.Write({"x"});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("No such file or directory"));
}

TEST(Wakeups, ANoticeASignalOrTheTimeEndsTheSleep) {
  Wakeups wakeups;
  EXPECT_EQ(wakeups.Await(1ms), Wakeups::Cause::kTimeout);
  std::thread other([&] { wakeups.Notify(); });
  EXPECT_EQ(wakeups.Await(std::nullopt), Wakeups::Cause::kNotice);
  other.join();
  ::kill(::getpid(), SIGINT);
  EXPECT_EQ(wakeups.Await(std::nullopt), Wakeups::Cause::kSignal);
  EXPECT_STREQ(wakeups.signal_name(), "SIGINT");
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(wakeups.Await(std::nullopt), Wakeups::Cause::kSignal);
  EXPECT_STREQ(wakeups.signal_name(), "SIGTERM");
  EXPECT_EQ(wakeups.Await(0ms), Wakeups::Cause::kTimeout);
}

TEST(Wakeups, AHangupIsHeardAndTheSleepGoesOn) {
  Wakeups wakeups;
  int heard = 0;
  wakeups.OnHangup([&] { ++heard; });
  ::kill(::getpid(), SIGHUP);
  EXPECT_EQ(wakeups.Await(1ms), Wakeups::Cause::kTimeout);
  EXPECT_EQ(heard, 1);
  ::kill(::getpid(), SIGHUP);
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(wakeups.Await(std::nullopt), Wakeups::Cause::kSignal);
  EXPECT_EQ(heard, 2);
}

TEST(RandomIds, SessionNamesHave128BitsAndJitterIsAFraction) {
  RandomIds ids;
  std::set<std::string> names;
  for (int i = 0; i < 1'000; ++i) {
    const std::string name = ids.SessionName();
    EXPECT_EQ(name.size(), 32u);
    EXPECT_TRUE(names.insert(name).second);
    const double jitter = ids.Jitter();
    EXPECT_GE(jitter, 0.0);
    EXPECT_LT(jitter, 1.0);
  }
}

TEST(ExitCodes, TellWhatTheLogSuffersFrom) {
  EXPECT_EQ(ExitCodeOfLog({ErrorCode::kInvalid, "", ""}), 64);
  EXPECT_EQ(ExitCodeOfLog({ErrorCode::kUnavailable, "", ""}), 69);
  EXPECT_EQ(ExitCodeOfLog({ErrorCode::kRefused, "", ""}), 69);
  EXPECT_EQ(ExitCodeOfLog({ErrorCode::kVersion, "", ""}), 66);
  EXPECT_EQ(ExitCodeOfLog({ErrorCode::kCorrupt, "", ""}), 65);
  EXPECT_EQ(ExitCodeOfLog({ErrorCode::kInternal, "", ""}), 70);
}

}  // namespace
}  // namespace settle::coordinator
