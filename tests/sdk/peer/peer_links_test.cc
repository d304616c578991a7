// What a site says to its peers, whatever answers at their addresses, or nothing.
#include "peer/peer_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "raw_service.h"
#include "served_peer.h"

namespace settle::sdk {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using ::testing::HasSubstr;

TEST(PeerLinks, KeepsAConnectionForTheNextCall) {
  ServedPeer peer;
  PeerLinks links(nullptr);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(links.Tell(peer.address(), Elect(), FromNow(10s)));
  EXPECT_EQ(peer.open_connections(), 1u);
}

TEST(PeerLinks, AnErrorThatThePeerAnswersKeepsTheConnection) {
  ServedPeer peer(
      [](const PeerCall&) -> Result<SiteAnswer> { return Fail(ErrorCode::kNotFound, "not here"); });
  PeerLinks links(nullptr);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(links.Tell(peer.address(), Elect(), FromNow(10s)).error().code, ErrorCode::kNotFound);
  }
  EXPECT_EQ(peer.open_connections(), 1u);
}

TEST(PeerLinks, SpeaksToSeveralPeersAtATime) {
  std::promise<void> both;
  std::atomic<int> inside = 0;
  const std::shared_future<void> met = both.get_future().share();
  ServedPeer peer([&](const PeerCall&) {
    if (++inside == 2) both.set_value();
    met.wait();
    return Joined();
  });
  PeerLinks links(nullptr);
  const auto tell = [&] { return links.Tell(peer.address(), Elect(), FromNow(20s)).has_value(); };
  auto first = std::async(std::launch::async, tell);
  auto second = std::async(std::launch::async, tell);
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

TEST(PeerLinks, FindsAPeerThatCameBackBehindAConnectionThatBroke) {
  PeerLinks links(nullptr);
  std::string address;
  {
    ServedPeer before;
    address = before.address();
    ASSERT_TRUE(links.Tell(address, Elect(), FromNow(10s)));
  }
  const auto gone = links.Tell(address, Elect(), FromNow(10s));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(gone.error().message, HasSubstr(address));
  std::optional<ServedPeer> back;
  const auto answer = [](const PeerCall&) { return Joined(); };
  back.emplace(answer, PeerServerSettings(), PeerOptions{.listen = address});
  EXPECT_TRUE(links.Tell(address, Elect(), FromNow(10s)));
  back.reset();
  back.emplace(answer, PeerServerSettings(), PeerOptions{.listen = address});
  EXPECT_TRUE(links.Tell(address, Elect(), FromNow(10s))) << "the kept connection broke unseen";
}

TEST(PeerLinks, N03_APeerThatNeverAnswersCostsNoMoreThanTheDeadline) {
  RawService silent("");
  PeerLinks links(nullptr);
  const auto start = Clock::now();
  const auto answer = links.Tell(silent.address(), Elect(), FromNow(300ms));
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_GE(Clock::now() - start, 300ms);
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST(PeerLinks, N03_AnAnswerThatDripsIsCutOffAtTheDeadline) {
  RawService dripping(
      std::string(1, '\0') + std::string(1, '\0') + std::string(1, '\x01') + std::string(300, '\0'),
      20ms);
  PeerLinks links(nullptr);
  const auto start = Clock::now();
  EXPECT_EQ(links.Tell(dripping.address(), Elect(), FromNow(300ms)).error().code,
            ErrorCode::kUnavailable);
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST(PeerLinks, N06_AnAnswerThatComesTooLateIsNeverTakenForAnother) {
  std::atomic<bool> slow = true;
  std::promise<void> go_on;
  ServedPeer peer([&](const PeerCall& call) {
    SiteAnswer answer = Joined();
    if (call.resource == "first" && slow.exchange(false)) go_on.get_future().wait();
    answer.state = call.resource == "first" ? SiteState::kAborted : SiteState::kWaiting;
    return answer;
  });
  PeerLinks links(nullptr);
  EXPECT_FALSE(links.Tell(peer.address(), Elect("first"), FromNow(100ms)));
  go_on.set_value();
  const auto answer = links.Tell(peer.address(), Elect("second"), FromNow(10s));
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_EQ(answer->state, SiteState::kWaiting);
}

TEST(PeerLinks, N05_WhatIsNoPeerIsRefusedInTime) {
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        std::string("\x15\x03\x03\x00\x02\x02\x46", 7), std::string(4, '\x7f')}) {
    RawService other(bytes, 0ms, /*hang_up=*/true);
    PeerLinks links(nullptr);
    EXPECT_FALSE(links.Tell(other.address(), Elect(), FromNow(5s)));
  }
  PeerLinks links(nullptr);
  EXPECT_EQ(links.Tell("nonsense", Elect(), FromNow(5s)).error().code, ErrorCode::kInvalid);
}

TEST(PeerLinks, WhoLeavesIsNotHeldUpByAPeer) {
  RawService silent("");
  Interrupter leaving;
  PeerLinks links(&leaving);
  auto answer = std::async(std::launch::async,
                           [&] { return links.Tell(silent.address(), Elect(), FromNow(60s)); });
  EXPECT_EQ(answer.wait_for(100ms), std::future_status::timeout);
  leaving.Interrupt();
  EXPECT_EQ(answer.wait_for(10s), std::future_status::ready);
  EXPECT_FALSE(answer.get());
}

}  // namespace
}  // namespace settle::sdk
