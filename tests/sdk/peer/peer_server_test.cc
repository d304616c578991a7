// Where the other sites reach a process: whom it lets in, and what they can cost.
#include "peer/peer_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <vector>

#include "peer/peer_links.h"
#include "served_peer.h"
#include "support/raw_peer.h"

namespace settle::sdk {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::BigEndian;
using testing::CallHeader;
using testing::Frame;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kStop;
using ::testing::Optional;
using testing::RawPeer;

Error Refused(const PeerOptions& options) {
  const auto server = PeerServer::Listen(
      options, {}, [](const PeerCall&) { return Joined(); }, [](const std::string&) {});
  return server ? Error{ErrorCode::kInternal, "it listens", {}} : server.error();
}

TEST(PeerServer, HandsOverWhatAPeerSaysAndAnswersWhatItIsTold) {
  PeerCall heard{Elect().key, {}, {}};
  const SiteAnswer told{SiteState::kCommitted, {3, 1}, {3, 1}, {{3, 1}, {0, 2}}};
  ServedPeer peer([&](const PeerCall& call) {
    heard = call;
    return told;
  });
  PeerLinks links(nullptr);
  const PeerCall call{Elect().key, "bank", {PeerVerb::kCommit, {3, 1}, {0, 2}}};
  const Result<SiteAnswer> answer = links.Tell(peer.address(), call, FromNow(10s));
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_EQ(*answer, told);
  EXPECT_EQ(heard.key, call.key);
  EXPECT_EQ(heard.resource, "bank");
  EXPECT_EQ(heard.message, call.message);
}

TEST(PeerServer, ErrorsComeWithTheirCodesAndWhatIsThrownIsOne) {
  ServedPeer peer([](const PeerCall& call) -> Result<SiteAnswer> {
    if (call.resource == "broken") throw std::runtime_error("no such row");
    return Fail(ErrorCode::kNotFound, "this process does not serve " + call.resource);
  });
  PeerLinks links(nullptr);
  const auto unknown = links.Tell(peer.address(), Elect("shop"), FromNow(10s));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(unknown.error().message, "this process does not serve shop");
  const auto thrown = links.Tell(peer.address(), Elect("broken"), FromNow(10s));
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, ErrorCode::kInternal);
  EXPECT_THAT(thrown.error().message, HasSubstr("no such row"));
}

TEST(PeerServer, ListensBeyondThisMachineOnlyWhenToldThatThisIsInsecure) {
  const Error open = Refused({.listen = "0.0.0.0:0", .advertise = "192.0.2.1:7421"});
  EXPECT_EQ(open.code, ErrorCode::kInvalid);
  EXPECT_THAT(open.message, AllOf(HasSubstr("0.0.0.0:0"), HasSubstr("neither encrypted")));
  EXPECT_THAT(open.advice, HasSubstr("insecure"));
  const auto server = PeerServer::Listen(
      {.listen = "0.0.0.0:0", .advertise = "192.0.2.1:7421", .insecure = true}, {},
      [](const PeerCall&) { return Joined(); }, [](const std::string&) {});
  ASSERT_TRUE(server) << Describe(server.error());
  EXPECT_EQ((*server)->address(), "192.0.2.1:7421");
}

TEST(PeerServer, RefusesOptionsThatNoPeerCouldUse) {
  EXPECT_THAT(Refused({.listen = "here"}).message, HasSubstr("\"here\" is not HOST:PORT"));
  EXPECT_THAT(Refused({.listen = "0.0.0.0:0", .insecure = true}).message,
              HasSubstr("cannot be dialled"));
  EXPECT_THAT(Refused({.listen = "127.0.0.1:0", .advertise = "there"}).message,
              HasSubstr("\"there\" is not HOST:PORT"));
  const ServedPeer first;
  const Error taken = Refused({.listen = first.address()});
  EXPECT_EQ(taken.code, ErrorCode::kUnavailable);
  EXPECT_THAT(taken.message, HasSubstr(first.address()));
}

TEST(PeerServer, N05_ARequestThatMakesNoSenseIsRefusedAndNeverReachesTheSite) {
  std::atomic<int> calls = 0;
  ServedPeer peer([&](const PeerCall&) {
    ++calls;
    return Joined();
  });
  PeerLinks links(nullptr);
  PeerCall nameless = Elect("no resource's name");
  EXPECT_EQ(links.Tell(peer.address(), nameless, FromNow(10s)).error().code, ErrorCode::kInvalid);
  PeerCall without_ballot = Elect();
  without_ballot.message.ballot = {};
  EXPECT_EQ(links.Tell(peer.address(), without_ballot, FromNow(10s)).error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(calls, 0);
}

TEST(PeerServer, N05_OtherServicesAndOtherProtocolsAreClosedWithoutHarm) {
  ServedPeer peer;
  for (const std::string& bytes :
       {Frame(CallHeader("coordinator:hello") + kStop), Frame(CallHeader("tell") + kStop),
        std::string("GET / HTTP/1.1\r\n\r\n"), BigEndian(64 * 1024 + 1) + "x"}) {
    RawPeer hostile(peer.address());
    hostile.Send(bytes);
    EXPECT_TRUE(hostile.ReadToEnd().has_value()) << "the connection is still open";
  }
  EXPECT_TRUE(peer.AwaitWarning("a peer: a connection was closed"));
  PeerLinks links(nullptr);
  EXPECT_TRUE(links.Tell(peer.address(), Elect(), FromNow(10s)));
}

TEST(PeerServer, N03_HalfAFrameIsCutOffByItsDeadlineWhileOthersAreServed) {
  server::Settings hasty = PeerServerSettings();
  hasty.frame.io_timeout = 300ms;
  ServedPeer peer([](const PeerCall&) { return Joined(); }, hasty);
  RawPeer half(peer.address());
  ASSERT_TRUE(half.Send(BigEndian(100) + "only this"));
  PeerLinks links(nullptr);
  EXPECT_TRUE(links.Tell(peer.address(), Elect(), FromNow(10s)));
  EXPECT_THAT(half.ReadToEnd(), Optional(IsEmpty()));
  EXPECT_TRUE(peer.AwaitWarning("a frame was not whole within"));
}

TEST(PeerServer, C22_AFloodOfConnectionsIsClosedAndThePlacesComeBack) {
  server::Settings hasty = PeerServerSettings();
  hasty.connections_max = 20;
  hasty.frame.io_timeout = 500ms;
  ServedPeer peer([](const PeerCall&) { return Joined(); }, hasty);
  std::vector<std::unique_ptr<RawPeer>> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(std::make_unique<RawPeer>(peer.address()));
  EXPECT_TRUE(peer.AwaitWarning("all 20 are in use"));
  // Who says nothing loses its place.
  PeerLinks links(nullptr);
  EXPECT_TRUE(testing::WaitUntil(
      [&] { return links.Tell(peer.address(), Elect(), FromNow(1s)).has_value(); }));
}

TEST(PeerServer, StopWaitsForACallThatIsUnderWayAndItIsAnswered) {
  std::promise<void> arrived;
  std::promise<void> go_on;
  ServedPeer peer([&](const PeerCall&) {
    arrived.set_value();
    go_on.get_future().wait();
    return Joined();
  });
  PeerLinks links(nullptr);
  auto answer = std::async(std::launch::async,
                           [&] { return links.Tell(peer.address(), Elect(), FromNow(20s)); });
  arrived.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { peer.Stop(20s); });
  EXPECT_EQ(stopped.wait_for(100ms), std::future_status::timeout);
  go_on.set_value();
  EXPECT_TRUE(answer.get());
  stopped.get();
  EXPECT_EQ(links.Tell(peer.address(), Elect(), FromNow(5s)).error().code, ErrorCode::kUnavailable);
}

TEST(PeerServer, StopWithoutPatienceCutsOffWhoAskedAndWaitsForTheSite) {
  std::promise<void> arrived;
  std::promise<void> go_on;
  std::atomic<bool> done = false;
  ServedPeer peer([&](const PeerCall&) {
    arrived.set_value();
    go_on.get_future().wait();
    done = true;
    return Joined();
  });
  PeerLinks links(nullptr);
  auto answer = std::async(std::launch::async,
                           [&] { return links.Tell(peer.address(), Elect(), FromNow(20s)); });
  arrived.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { peer.Stop(0ms); });
  EXPECT_EQ(answer.get().error().code, ErrorCode::kUnavailable) << "cut off, the site still at it";
  go_on.set_value();
  stopped.get();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace settle::sdk
