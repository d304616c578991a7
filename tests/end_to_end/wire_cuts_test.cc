// The wire is cut after each byte of a whole exchange, in both directions, in every protocol.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "end_to_end/wire_talks.h"

namespace settle::testing {
namespace {

using ::testing::IsEmpty;

// Bytes from one cut to the next: 1 for every byte (scripts/wire-campaign), more for a sample.
std::size_t Stride() {
  const char* const wanted = std::getenv("SETTLE_WIRE_STRIDE");
  return wanted == nullptr ? 97 : std::strtoul(wanted, nullptr, 10);
}

class WireCuts : public ::testing::TestWithParam<TalkAndWire> {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  // As long as the last cut may still be felt.
  void AwaitGoodTalk() {
    ASSERT_TRUE(WaitUntil([&] { return talk_.Once() == "committed"; })) << talk_.daemon().Said();
  }
  // Of some talks with nothing wrong, the longest.
  std::size_t LengthOf(Toward direction) {
    std::size_t most = 0;
    for (int i = 0; i < 3; ++i) {
      AwaitGoodTalk();
      const std::size_t before = talk_.wire().Carried(direction);
      EXPECT_EQ(talk_.Once(), "committed");
      most = std::max(most, talk_.wire().Carried(direction) - before);
    }
    return most;
  }

  TalkWorld talk_{GetParam()};
};

TEST_P(WireCuts, N02_AfterEachByteOfAWholeExchange_IsALostMessageAndNoMore) {
  std::map<std::string, int> told;
  int cuts = 0;
  int places = 0;
  for (const Toward direction : {Toward::kDaemon, Toward::kProgram}) {
    const std::size_t length = LengthOf(direction);
    ASSERT_GT(length, 100u) << "that is no exchange";
    for (std::size_t byte = 0; byte < length && !HasFatalFailure(); byte += Stride(), ++places) {
      AwaitGoodTalk();
      talk_.wire().CutAfter(direction, byte);
      ++told[talk_.Once()];
      // A talk that says less than the longest ends before its last bytes; the next one is cut.
      while (talk_.wire().IsCutPending()) static_cast<void>(talk_.Once());
      ++cuts;
    }
    std::cout << "[   cuts   ] " << ToString(GetParam()) << " toward "
              << (direction == Toward::kDaemon ? "the daemon" : "the program") << ": one for every "
              << Stride() << " of " << length << " bytes\n";
  }
  std::cout << "[   cuts   ] " << ToString(GetParam()) << ": " << cuts << " of " << places;
  for (const auto& [outcome, times] : told) std::cout << ", " << outcome << " " << times;
  std::cout << ", " << talk_.transactions() << " transactions\n";
  EXPECT_EQ(cuts, places);
  EXPECT_GT(told["committed"], 0) << "no message was repeated to a good end";
  EXPECT_THAT(talk_.Wrong(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Of, WireCuts, ::testing::ValuesIn(EveryTalk()),
                         [](const auto& kind) { return ToString(kind.param); });

}  // namespace
}  // namespace settle::testing
