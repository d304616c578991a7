#include "engine/timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace settle::coordinator {
namespace {

using ::testing::ElementsAre;

Instant At(int ms) { return Instant(std::chrono::milliseconds(ms)); }

std::vector<std::string> AllDue(Timers<std::string>& timers, Instant now) {
  std::vector<std::string> due;
  while (const auto key = timers.TakeDue(now)) due.push_back(*key);
  return due;
}

TEST(Timers, AreDueInTheOrderOfTheirTimesAndThenOfTheirKeys) {
  Timers<std::string> timers;
  for (const char* key : {"d", "b", "c"}) timers.Arm(key, At(10));
  timers.Arm("a", At(20));
  timers.Arm("z", At(5));
  timers.Arm("later", At(21));
  EXPECT_EQ(timers.Next(), At(5));
  EXPECT_THAT(AllDue(timers, At(20)), ElementsAre("z", "b", "c", "d", "a"));
  EXPECT_EQ(timers.Next(), At(21));
}

TEST(Timers, OneThatIsArmedAnewIsDueOnceAndAtItsNewTime) {
  Timers<std::string> timers;
  timers.Arm("a", At(10));
  timers.Arm("b", At(15));
  timers.Arm("a", At(20));
  EXPECT_FALSE(timers.IsDue("a", At(19)));
  EXPECT_TRUE(timers.IsDue("a", At(20)));
  EXPECT_THAT(AllDue(timers, At(30)), ElementsAre("b", "a"));
  EXPECT_EQ(timers.Next(), std::nullopt);
}

TEST(Timers, OneThatIsCancelledIsNeverDue) {
  Timers<std::string> timers;
  timers.Arm("a", At(10));
  timers.Arm("b", At(10));
  timers.Cancel("a");
  timers.Cancel("none");
  EXPECT_FALSE(timers.IsDue("a", At(30)));
  EXPECT_THAT(AllDue(timers, At(30)), ElementsAre("b"));
}

}  // namespace
}  // namespace settle::coordinator
