// The wire is there and bad: slow, one byte at a time, silent, or closed in one direction.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "end_to_end/wire_talks.h"

namespace settle::testing {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kCallTimeout = 1s;

class BadWire : public ::testing::TestWithParam<TalkAndWire> {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  void AwaitGoodTalk() {
    ASSERT_TRUE(WaitUntil([&] { return talk_.Once() == "committed"; })) << talk_.daemon().Said();
  }
  void Both(std::chrono::milliseconds pause, std::size_t bytes_most = 65536) {
    for (const Toward way : {Toward::kDaemon, Toward::kProgram}) {
      talk_.wire().Slow(way, pause, bytes_most);
    }
  }

  TalkWorld talk_{GetParam(), kCallTimeout};
};

TEST_P(BadWire, N03_ADelayOfEachMessageCostsTimeAndNothingElse) {
  AwaitGoodTalk();
  Both(30ms);
  const auto start = Clock::now();
  EXPECT_EQ(talk_.Once(), "committed");
  EXPECT_GE(Clock::now() - start, 60ms) << "nothing was delayed";
  Both(0ms);
  EXPECT_THAT(talk_.Wrong(), IsEmpty());
}

TEST_P(BadWire, N03_OneByteASecondIsALostMessage_OthersAreServedAndTheWireHeals) {
  AwaitGoodTalk();
  Both(1s, 1);
  const auto before = talk_.wire().Carried(Toward::kDaemon);
  auto slow = std::async(std::launch::async, [&] { return talk_.Once(); });
  // More than one byte has dripped, and nobody waits for the rest.
  EXPECT_TRUE(WaitUntil([&] { return talk_.wire().Carried(Toward::kDaemon) >= before + 2; }));
  EXPECT_TRUE(talk_.OthersAreServed());
  EXPECT_THAT(slow.get(), AnyOf("refused", "unknown", "aborted", "undecided"));
  Both(0ms);
  AwaitGoodTalk();
  EXPECT_THAT(talk_.Wrong(), IsEmpty());
}

TEST_P(BadWire, N01_N03_ABlackHoleIsALostMessageAndTheWireHeals) {
  AwaitGoodTalk();
  talk_.wire().Partition();
  const std::string told = talk_.Once();
  EXPECT_THAT(told, AnyOf("refused", "unknown", "aborted", "undecided"));
  EXPECT_TRUE(WaitUntil([&] { return talk_.wire().HeldBytes(); })) << "nothing was said";
  EXPECT_TRUE(talk_.OthersAreServed());
  talk_.wire().Heal();
  AwaitGoodTalk();
  EXPECT_THAT(talk_.Wrong(), IsEmpty());
}

TEST_P(BadWire, N03_AConnectionThatIsClosedInOneDirectionInAMessageIsALostMessage) {
  for (const Toward direction : {Toward::kDaemon, Toward::kProgram}) {
    for (const std::size_t byte : {0, 3, 100}) {
      AwaitGoodTalk();
      talk_.wire().HalfCloseAfter(direction, byte);
      static_cast<void>(talk_.Once());
      while (talk_.wire().IsCutPending()) static_cast<void>(talk_.Once());
    }
  }
  AwaitGoodTalk();
  EXPECT_THAT(talk_.Wrong(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Of, BadWire,
                         ::testing::Values(TalkAndWire{Talk::kTwoCalls, Behind::kClient},
                                           TalkAndWire{Talk::kCommands, Behind::kParticipant},
                                           TalkAndWire{Talk::kSaga, Behind::kParticipant}),
                         [](const auto& kind) { return ToString(kind.param); });

}  // namespace
}  // namespace settle::testing
