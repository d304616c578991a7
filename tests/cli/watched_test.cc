// What `settle watch` makes of what it sees.
#include "cli/watched.h"

#include <gmock/gmock.h>

#include "views.h"

namespace settle::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

Look LookOf(std::chrono::milliseconds at, std::int64_t committed, std::int64_t flushes,
            std::int64_t records) {
  Look look;
  look.at = std::chrono::steady_clock::time_point(at);
  look.wall_us = kBegan_us;
  look.status.log_id = "k3m9qxw4c7ab";
  look.status.epoch = 2;
  look.status.started_us = kBegan_us - 60 * kSecond_us;
  look.status.committed = committed;
  look.status.log_flushes = flushes;
  look.status.log_records = records;
  return look;
}

std::vector<std::string> Texts(const std::vector<ScreenLine>& lines) {
  std::vector<std::string> texts;
  for (const ScreenLine& line : lines) texts.push_back(line.text);
  return texts;
}

TEST(Watched, RatesAreThoseBetweenTwoLooks) {
  Watched watched;
  watched.Add(LookOf(1'000ms, 100, 50, 200));
  EXPECT_FALSE(watched.rates());
  EXPECT_THAT(WatchLine(watched, kBegan_us), HasSubstr("commits/s -  aborts/s -"));
  watched.Add(LookOf(3'000ms, 124, 60, 250));
  ASSERT_TRUE(watched.rates());
  EXPECT_EQ(watched.rates()->commits, 12);
  EXPECT_EQ(watched.rates()->aborts, 0);
  EXPECT_EQ(watched.rates()->flushes, 5);
  EXPECT_EQ(watched.rates()->records_per_flush, 5);
  EXPECT_THAT(WatchLine(watched, kBegan_us),
              AllOf(StartsWith("2026-01-02T03:04:05.000006Z  commits/s 12.0  aborts/s 0.0  log "
                               "flushes/s 5.0  records/flush 5.0  open 0"),
                    EndsWith("sessions 0\n")));
}

TEST(Watched, CountsOfAnotherLifeMakeNoRates) {
  Watched watched;
  watched.Add(LookOf(1'000ms, 100, 50, 200));
  Look restarted = LookOf(2'000ms, 101, 1, 1);
  restarted.status.started_us += kSecond_us;
  watched.Add(restarted);
  EXPECT_FALSE(watched.rates());
  EXPECT_TRUE(WatchJson(watched, kBegan_us)["rates"].is_null());
}

TEST(Watched, ItSaysSinceWhenTheCoordinatorIsAwayAndWhatWasSoBefore) {
  Watched watched;
  watched.Add(LookOf(1'000ms, 100, 50, 200));
  watched.AddFailure(kBegan_us + kSecond_us, "connection\x1b refused");
  watched.AddFailure(kBegan_us + 2 * kSecond_us, "no reply");
  const std::int64_t now = kBegan_us + 13 * kSecond_us;
  EXPECT_THAT(WatchLine(watched, now),
              HasSubstr("unreachable since 2026-01-02T03:04:06.000006Z (12 s): no reply"));
  const auto screen = WatchScreen(watched, "127.0.0.1:7420", now, 24, 100);
  EXPECT_EQ(screen.at(1).look, ScreenLine::Look::kAlarm);
  EXPECT_EQ(screen.at(2).text, "what follows was so at 2026-01-02T03:04:05.000006Z");
  EXPECT_THAT(Texts(screen), Contains(StartsWith("log k3m9qxw4c7ab  epoch 2")));
  EXPECT_EQ(WatchJson(watched, now)["reachable"], false);
  watched.Add(LookOf(20'000ms, 100, 50, 200));
  EXPECT_EQ(watched.unreachable_us(), 0);
  EXPECT_THAT(Texts(WatchScreen(watched, "a", now, 24, 100)),
              Not(Contains(HasSubstr("unreachable"))));
}

TEST(Watched, TheScreenHasWhatIsOpenPausedWaitedForAndInDoubt) {
  Look look = LookOf(1'000ms, 100, 50, 200);
  look.status.open = {{"active", 3}, {"committing", 11}, {"deciding", 0}};
  look.status.in_doubt = 1;
  look.status.oldest_in_doubt_us = kBegan_us;
  look.status.heuristics = 2;
  look.status.waiting = {{"bank-b", 11}};
  wire::PauseView pause;
  pause.scope = "participant";
  pause.name = "bank-b";
  pause.operator_name = "ali\x1b[31mce";
  pause.reason = "disk";
  pause.since_us = kBegan_us;
  look.status.pauses = {pause};
  look.in_doubt = {Committing()};
  Watched watched;
  watched.Add(look);
  const auto lines =
      Texts(WatchScreen(watched, "a:1", kBegan_us + 192 * kSecond_us, 24, 200));
  EXPECT_THAT(lines, Contains(StartsWith("open 14: 3 active, 11 committing   undecided 0")));
  EXPECT_THAT(lines, Contains("in doubt 1, the oldest for 3 m 12 s   heuristics 2"));
  EXPECT_THAT(lines, Contains(StartsWith("bank-b is paused by ali\\x1b[31mce since 2026-")));
  EXPECT_THAT(lines, Contains("     11  bank-b"));
  EXPECT_THAT(lines, Contains(StartsWith(Committing().gtid + "  committing")));
  EXPECT_EQ(lines.back(), "q quits");
}

TEST(Watched, TheScreenIsNeverLargerThanTheTerminal) {
  Look look = LookOf(1'000ms, 100, 50, 200);
  for (int i = 0; i < 50; ++i) look.status.waiting["bänk-" + std::to_string(i)] = i;
  Watched watched;
  watched.Add(look);
  for (const std::size_t rows : {1u, 2u, 5u, 24u}) {
    for (const std::size_t columns : {1u, 3u, 80u}) {
      const auto lines = WatchScreen(watched, "127.0.0.1:7420", kBegan_us, rows, columns);
      EXPECT_LE(lines.size(), rows);
      EXPECT_THAT(lines.back().text, StartsWith("q"));
      for (const ScreenLine& line : lines) EXPECT_LE(line.text.size(), columns + 1) << line.text;
    }
  }
}

}  // namespace
}  // namespace settle::cli
