// What a peer can do to a TLS port, and what it costs: a connection of its own for a bounded time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tls_peer.h"

namespace settle::testing {
namespace {

using namespace server;
using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr FrameLimits kShort{.idle_timeout = 60s, .io_timeout = 400ms};

// A client's hello record of 512 bytes, begun.
std::string HelloBegun() { return std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11); }

TEST(TlsLimits, N03_AHandshakeThatStallsIsCutOffAndOthersAreServedMeanwhile) {
  TlsServed served({.frame = {.io_timeout = 5s}});  // enough for others on a busy machine
  RawPeer silent(served.served.address());
  RawPeer stalled(served.served.address());
  ASSERT_TRUE(stalled.Send(HelloBegun()));
  EXPECT_TRUE(served.ServesOthers());
  EXPECT_THAT(silent.ReadToEnd(30s), Optional(IsEmpty()));
  EXPECT_TRUE(stalled.ReadToEnd(30s).has_value());
  EXPECT_TRUE(served.served.heard.AwaitOneWith("a TLS handshake was not done within 5.0 s"));
}

TEST(TlsLimits, N03_HundredsOfUnfinishedHandshakesDoNotDelayOthers) {
  TlsServed served({.frame = {.io_timeout = 120s}});
  std::vector<std::unique_ptr<RawPeer>> unfinished;
  for (int i = 0; i < 400; ++i) {
    unfinished.push_back(std::make_unique<RawPeer>(served.served.address()));
    ASSERT_TRUE(unfinished.back()->Send(HelloBegun()));
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(served.ServesOthers());
  for (const auto& peer : unfinished) EXPECT_FALSE(peer->Readable(0ms)) << "it was cut off before";
}

TEST(TlsLimits, N03_AHandshakeThatTricklesIsCutOffAtItsDeadline) {
  TlsServed served({.frame = kShort});
  RawPeer trickle(served.served.address());
  trickle.Send(HelloBegun());
  const auto begun = std::chrono::steady_clock::now();
  while (trickle.Send("x") && !trickle.Readable(5ms)) {
    ASSERT_LT(std::chrono::steady_clock::now() - begun, 10s) << "each byte bought more time";
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 300ms) << "closed for another reason";
  EXPECT_TRUE(served.served.heard.AwaitOneWith("a TLS handshake was not done within"));
}

TEST(TlsLimits, N03_AHandshakeIsNoCallSoTheFirstFrameHasItsDeadlineToo) {
  TlsServed served({.frame = kShort});
  TlsPeer idle(served.served.address(), served.authority.Issue("idle"));
  ASSERT_EQ(idle.Handshake(), "");
  EXPECT_EQ(idle.AwaitEnd(), "closed");
}

TEST(TlsLimits, N03_AFrameThatTricklesIsCutOffAtItsDeadline) {
  TlsServed served({.frame = kShort});
  TlsPeer trickle(served.served.address(), served.authority.Issue("slow"));
  ASSERT_EQ(trickle.Handshake(), "");
  ASSERT_EQ(trickle.Send(BigEndian(1'000'000)), "");
  const auto begun = std::chrono::steady_clock::now();
  while (trickle.Send("x").empty()) {
    std::this_thread::sleep_for(5ms);  // the trickle
    ASSERT_LT(std::chrono::steady_clock::now() - begun, 10s) << "each byte bought more time";
  }
  EXPECT_TRUE(served.served.heard.AwaitOneWith("a frame was not whole within 0.4 s"));
}

TEST(TlsLimits, N04_AFrameTooLargeIsRefusedByItsClaim) {
  TlsServed served;
  TlsPeer peer(served.served.address(), served.authority.Issue("large"));
  ASSERT_EQ(peer.Handshake(), "");
  ASSERT_EQ(peer.Send(BigEndian(16 * 1024 * 1024 + 1)), "");
  EXPECT_EQ(peer.AwaitEnd(), "closed");
  EXPECT_TRUE(served.served.heard.AwaitOneWith("cn:large from 127.0.0.1"));
}

TEST(TlsLimits, N03_APeerThatDoesNotTakeItsAnswerIsCutOffAtItsDeadline) {
  TlsServed served({.frame = kShort});
  served.served.handler->on_outcome = [](wire::Ending& ending, const std::string&) {
    ending.reason = std::string(15'000'000, 'x');
  };
  TlsPeer deaf(served.served.address(), served.authority.Issue("deaf"));
  ASSERT_EQ(deaf.Handshake(), "");
  ASSERT_EQ(
      deaf.Send(Frame(CallHeader("coordinator:outcome") + Field(kString, 1) + Text("g") + kStop)),
      "");
  EXPECT_TRUE(served.served.heard.AwaitOneWith("a reply was not taken within 0.4 s"));
}

TEST(TlsLimits, StopEndsHandshakesAndIdleConnections) {
  TlsServed served;
  RawPeer stalled(served.served.address());
  ASSERT_TRUE(stalled.Send(HelloBegun()));
  TlsPeer idle(served.served.address(), served.authority.Issue("idle"));
  ASSERT_EQ(idle.Handshake(), "");
  ASSERT_EQ(idle.Send(Frame(CallHeader("coordinator:hello") + kStop)), "");
  auto end = std::async(std::launch::async, [&] { return idle.AwaitEnd(); });
  const auto begun = std::chrono::steady_clock::now();
  served.served.server->Stop(20s);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s) << "waited for their deadlines";
  EXPECT_EQ(end.get(), "closed");
  EXPECT_TRUE(stalled.ReadToEnd().has_value());
}

}  // namespace
}  // namespace settle::testing
