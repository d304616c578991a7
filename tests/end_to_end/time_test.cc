// Whatever clocks and time zones say: wall-clock time is for people, and decides nothing.
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <regex>

#include "end_to_end/fixture.h"
#include "support/sanitized.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::int64_t NowMicroseconds() {
  using std::chrono::microseconds;
  return std::chrono::duration_cast<microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string Utc(std::int64_t microseconds) {
  const std::time_t seconds = microseconds / 1'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return text;
}

class Clocks : public EndToEnd {
 protected:
  Clocks() : EndToEnd(kMixed) {}

  nlohmann::json Show(const std::string& gtid) { return world_.Cli({"show", gtid}).json; }

  std::string SettleText(const std::vector<std::string>& words, const std::string& zone) {
    const std::string out = world_ / "settle.out";
    std::filesystem::remove(out);
    Launch launch{.arguments = {Program("settle"), "--address", world_.daemon().address()},
                  .output_path = out,
                  .error_path = world_ / "settle.err",
                  .environment = {"TZ=" + zone},
                  .user = std::nullopt};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    Process process(launch);
    EXPECT_TRUE(process.Wait().has_value());
    return process.Output();
  }
};

// Ticks that the process has computed for, a hundredth of a second each.
long CpuTicks(pid_t process) {
  const std::string stat = ReadFile("/proc/" + std::to_string(process) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(") ") + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return user + system;
}

class JumpingClock : public Clocks {
 protected:
  void SetUp() override {
    for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
      const std::string file = folder.path().string() + "/faketime/libfaketimeMT.so.1";
      if (std::filesystem::exists(file)) library_ = file;
    }
    ASSERT_FALSE(library_.empty()) << "libfaketime is missing: scripts/install-dependencies test";
    Jump("+0");
    // The wall clock alone is moved, as somebody would who sets the machine's.
    world_.daemon().environment = {"LD_PRELOAD=" + library_, "FAKETIME_DONT_FAKE_MONOTONIC=1",
                                   "FAKETIME_NO_CACHE=1", "FAKETIME_TIMESTAMP_FILE=" + file_,
                                   "TZ=UTC"};
    // The library comes before its runtime, which it leaves alone.
    const char* const given = std::getenv("ASAN_OPTIONS");
    const std::string options = given != nullptr ? given + std::string(":") : "";
    if (kSanitized) {
      world_.daemon().environment.push_back("ASAN_OPTIONS=" + options + "verify_asan_link_order=0");
    }
  }
  // Takes effect in the running daemon at once.
  void Jump(const std::string& to) {
    std::ofstream(file_ + ".new") << to << "\n";
    std::filesystem::rename(file_ + ".new", file_);
  }

  const std::string file_ = world_ / "wall-clock";
  std::string library_;
};

TEST_F(JumpingClock, T01_AnHourTo1970AndTo2038_NothingIsAbortedEarlyAndNothingSpins) {
  world_.daemon().Start();
  Application& waiting = world_.Start({.banks = "a"});
  Application& shop = world_.Start();
  const std::string open = waiting.Begin(60s);
  waiting.Tell("execute a SELECT 1");
  struct To {
    const char* clock;
    std::string shown;  // the beginning of the times that are shown from then on
  };
  const std::int64_t hour = 3'600'000'000;
  for (const To& to : {To{"+3600", Utc(NowMicroseconds() + hour).substr(0, 13)},
                       To{"-3600", Utc(NowMicroseconds() - hour).substr(0, 13)},
                       To{"@1970-01-01 00:10:30", "1970-01-01T00:10"},
                       To{"@2038-01-19 03:20:30", "2038-01-19T03:20"}}) {
    Jump(to.clock);
    const std::string gtid = world_.Move(shop);
    EXPECT_THAT(Show(gtid)["began"].get<std::string>(), StartsWith(to.shown))
        << "the clock did not jump";
    EXPECT_EQ(FirstWord(shop.Ask("commit")), "committed") << to.clock;
    EXPECT_EQ(world_.HalvesOf(gtid), 2u);
    const pid_t daemon = world_.daemon().process().id();
    const long before = CpuTicks(daemon);
    std::this_thread::sleep_for(1s);  // long enough for every session and retry timer to misfire
    EXPECT_LT(CpuTicks(daemon) - before, 30) << "the daemon is busy with nothing";
    EXPECT_EQ(world_.OutcomeShown(open), "undecided")
        << to.clock << ": neither its deadline nor its session's time-out has come";
  }
  waiting.Tell("drop");
  const std::string late = waiting.Begin(1s);
  EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(late) == "aborted"; }));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(Clocks, T02_DaemonDatabaseAndOperatorInThreeTimeZones_EveryTimeIsUtcAndRight) {
  world_.daemon().environment = {"TZ=Pacific/Auckland"};
  world_.cluster().Query("bank_a", "ALTER DATABASE bank_a SET timezone = 'America/New_York'");
  ASSERT_EQ(world_.cluster().Query("bank_a", "SHOW timezone"), "America/New_York");
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::int64_t before = NowMicroseconds();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  shop.Kill();  // nobody serves the banks: it stays in doubt

  // The next life is in yet another zone; the log has no zone.
  world_.daemon().environment = {"TZ=Asia/Kathmandu"};
  world_.daemon().Start();
  const nlohmann::json shown = Show(gtid);
  const std::int64_t began = shown["began_us"];
  EXPECT_GE(began, before);
  EXPECT_LE(began, NowMicroseconds());
  EXPECT_THAT(shown["began"].get<std::string>(), StartsWith(Utc(began)));
  EXPECT_EQ(shown["began"].get<std::string>().back(), 'Z');
  for (const auto& entry : shown["timeline"]) {
    const std::int64_t at = entry["at_us"];
    EXPECT_GE(at, before) << entry;
    EXPECT_LE(at, NowMicroseconds()) << entry;
  }

  EXPECT_THAT(SettleText({"show", gtid}, "Asia/Kolkata"),
              HasSubstr(shown["began"].get<std::string>()));
  const std::string in_doubt = SettleText({"in-doubt"}, "America/Los_Angeles");
  EXPECT_TRUE(std::regex_search(in_doubt, std::regex("[0-9]+ (ms|s) old"))) << in_doubt;

  // What the daemon says of itself.
  world_.daemon().process().Signal(SIGTERM);
  const std::string stopped_at = Utc(NowMicroseconds()).substr(0, 13);
  ASSERT_TRUE(world_.daemon().process().Wait().has_value());
  EXPECT_THAT(world_.daemon().process().Errors(), HasSubstr(stopped_at));
  world_.daemon().Start();
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

}  // namespace
}  // namespace settle::testing
