#include "observe/log_observer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace settle::coordinator {
namespace {

using Level = Observer::Level;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);

// A pipe that a log is written to.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) std::abort();
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~Pipe() {
    CloseReader();
    ::close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  void CloseReader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  // Every line that is there, without waiting.
  std::vector<std::string> Lines() {
    pollfd entry{ends_[0], POLLIN, 0};
    while (::poll(&entry, 1, 0) > 0) {
      char bytes[65536];
      const ssize_t count = ::read(ends_[0], bytes, sizeof(bytes));
      if (count <= 0) break;
      text_.append(bytes, static_cast<std::size_t>(count));
    }
    std::vector<std::string> lines;
    std::istringstream in(text_);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  int ends_[2] = {-1, -1};
  std::string text_;
};

// What an observer writes until it is gone.
template <typename Say>
std::vector<std::string> LinesOf(LogSettings settings, Say say) {
  Pipe pipe;
  settings.descriptor = pipe.writer();
  {
    LogObserver observer(settings);
    say(observer);
  }
  return pipe.Lines();
}

TEST(LogObserver, ATextLineHasItsTimeInUtcItsLevelAndItsTransaction) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  const auto lines =
      LinesOf({}, [](Observer& log) { log.Event(Level::kWarning, kGtid, "branch 2 is silent"); });
  ::unsetenv("TZ");
  ::tzset();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(
      lines[0],
      ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z warning "
                    "gtid=k3m9qxw4c7ab\\.2\\.1842\\.9f3c2a51 branch 2 is silent$"));
  char utc[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(utc, sizeof(utc), "%Y-%m-%dT", std::gmtime(&now));
  EXPECT_THAT(lines[0], HasSubstr(utc));
}

TEST(LogObserver, ALineWithoutATransactionHasNone) {
  const auto lines = LinesOf({}, [](Observer& log) { log.Event(Level::kInfo, {}, "ready"); });
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0], ContainsRegex("Z info ready$"));
}

TEST(LogObserver, AJsonLineIsOneObject) {
  const auto lines = LinesOf({.format = LogFormat::kJson}, [](Observer& log) {
    log.Event(Level::kError, kGtid, "said \"no\" \\ and left");
    log.Event(Level::kInfo, {}, "ready");
  });
  ASSERT_THAT(lines, SizeIs(2));
  const auto first = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(first["level"], "error");
  EXPECT_EQ(first["gtid"], kGtid.text());
  EXPECT_EQ(first["what"], "said \"no\" \\ and left");
  EXPECT_THAT(first["time"].get<std::string>(), ContainsRegex("^[-0-9]+T[:0-9]+\\.[0-9]{6}Z$"));
  EXPECT_FALSE(nlohmann::json::parse(lines[1]).contains("gtid"));
}

// A name that a peer chose, a reason or a database's words may look like one.
TEST(LogObserver, X02_AGtidThatIsOnlySpokenOfIsInNoField) {
  const std::string gtid = kGtid.text();
  for (const std::string& what :
       {gtid, "denied admin.show to cn:" + gtid + ": it has no role",
        "gtid=" + gtid + " is committed", "\",\"gtid\":\"" + gtid + "\",\"x\":\""}) {
    const auto lines = LinesOf({.format = LogFormat::kJson},
                               [&](Observer& log) { log.Event(Level::kInfo, {}, what); });
    ASSERT_THAT(lines, SizeIs(1));
    const auto line = nlohmann::json::parse(lines[0]);
    EXPECT_FALSE(line.contains("gtid")) << what;
    EXPECT_EQ(line["what"], what);
  }
}

TEST(LogObserver, ATraceIsInFieldsOfItsOwn) {
  const About traced(kGtid, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  const auto say = [&](Observer& log) { log.Event(Level::kInfo, traced, "ready"); };
  const auto text = LinesOf({}, say);
  ASSERT_THAT(text, SizeIs(1));
  EXPECT_THAT(text[0], ContainsRegex("Z info gtid=k3m9[^ ]* "
                                     "trace_id=0af7651916cd43dd8448eb211c80319c "
                                     "span_id=b7ad6b7169203331 trace_flags=01 ready$"));
  const auto json = LinesOf({.format = LogFormat::kJson}, say);
  ASSERT_THAT(json, SizeIs(1));
  const auto line = nlohmann::json::parse(json[0]);
  EXPECT_EQ(line["gtid"], kGtid.text());
  EXPECT_EQ(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line["span_id"], "b7ad6b7169203331");
  EXPECT_EQ(line["trace_flags"], "01");
  EXPECT_EQ(line["what"], "ready");
}

TEST(LogObserver, A03_NothingInAnEventCanBreakALineOrATerminal) {
  std::string every_byte = "x";
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const auto lines = LinesOf({.format = format},
                               [&](Observer& log) { log.Event(Level::kInfo, {}, every_byte); });
    ASSERT_THAT(lines, SizeIs(1));
    for (const char c : lines[0]) {
      EXPECT_GE(c, 0x20);
      EXPECT_LT(c, 0x7f);
    }
    if (format == LogFormat::kJson) {
      EXPECT_EQ(nlohmann::json::parse(lines[0])["what"].get<std::string>().substr(0, 34),
                every_byte.substr(0, 34));
    }
  }
}

TEST(LogObserver, LevelsBelowTheOneAskedForAreLeftOut) {
  const auto lines = LinesOf({.level = Level::kWarning}, [](Observer& log) {
    log.Event(Level::kDebug, {}, "d");
    log.Event(Level::kInfo, {}, "i");
    log.Event(Level::kWarning, {}, "w");
    log.Event(Level::kError, {}, "e");
  });
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], HasSubstr("warning w"));
  EXPECT_THAT(lines[1], HasSubstr("error e"));
}

TEST(LogObserver, AHugeEventIsCutAndStaysOneLine) {
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const auto lines = LinesOf({.format = format}, [](Observer& log) {
      log.Event(Level::kInfo, kGtid, std::string(1'000'000, '\n'));
    });
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_THAT(lines[0].size(), Lt(4096u));
    EXPECT_THAT(lines[0], HasSubstr("..."));
  }
}

TEST(LogObserver, LinesOfManyThreadsDoNotMix) {
  std::vector<std::string> lines = LinesOf({}, [](Observer& log) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log] {
        for (int i = 0; i < 100; ++i)
          log.Event(Level::kInfo, kGtid, "0123456789 0123456789 0123456789");
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_THAT(lines, SizeIs(400));
  EXPECT_THAT(
      lines,
      Each(ContainsRegex("Z info gtid=k3m9qxw4c7ab[^ ]* 0123456789 0123456789 0123456789$")));
}

TEST(LogObserver, AReaderThatSleepsCostsLinesWhichAreCountedAndNeverStopsTheTeller) {
  Pipe pipe;
  LogObserver observer({.descriptor = pipe.writer(), .queue_max = 16});
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i) observer.Event(Level::kInfo, {}, std::string(200, 'x'));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  // Once it reads again, it is told. What is in the pipe goes first; then the loss is known and
  // said.
  bool told = false;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!told && std::chrono::steady_clock::now() < deadline) {
    for (const std::string& line : pipe.Lines())
      told = told || line.find("lines of this log were lost") != line.npos;
    observer.Event(Level::kInfo, {}, "awake");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(told);
}

TEST(LogObserver, AReaderThatIsGoneHarmsNobody) {
  Pipe pipe;
  LogObserver observer({.descriptor = pipe.writer()});
  pipe.CloseReader();
  for (int i = 0; i < 100; ++i) observer.Event(Level::kInfo, {}, "to nobody");
}

TEST(LogObserverDeathTest, FatalWritesItsReasonAndEndsTheProcessWith70) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        LogObserver observer({.level = Level::kError});
        observer.Event(Level::kError, {}, "before");
        observer.Fatal("the decision log failed");
      },
      ::testing::ExitedWithCode(kFatalExitCode),
      "error before\n.*critical the decision log failed");
}

TEST(LogObserverDeathTest, FatalEndsTheProcessAlsoWhenNobodyReadsTheLog) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Pipe full;
        LogObserver observer({.descriptor = full.writer()});
        for (int i = 0; i < 1'000; ++i) observer.Event(Level::kInfo, {}, std::string(1'000, 'x'));
        observer.Fatal("the decision log failed");
      },
      ::testing::ExitedWithCode(kFatalExitCode), "");
}

TEST(LogObserver, LevelsAndFormatsHaveWords) {
  EXPECT_EQ(ParseLogLevel("debug"), Level::kDebug);
  EXPECT_EQ(ParseLogLevel("error"), Level::kError);
  EXPECT_EQ(ParseLogLevel("loud"), std::nullopt);
  EXPECT_EQ(ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(ParseLogFormat("JSON"), std::nullopt);
}

}  // namespace
}  // namespace settle::coordinator
