// Several calls of one connection in progress: their order, their number, and who is not held up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "served.h"
#include "support/wait_until.h"
#include "tls_peer.h"

namespace settle::testing {
namespace {

using namespace server;
using namespace std::chrono_literals;

std::string Outcome(const std::string& gtid, const std::string& service = "coordinator") {
  return Frame(CallHeader(service + ":outcome") + Field(kString, 1) + Text(gtid) + kStop);
}

// An outcome's reason is the gtid; one that is asked for "slow" waits for the test.
struct Slow {
  explicit Slow(Served& served) {
    served.handler->on_outcome = [this](wire::Ending& ending, const std::string& gtid) {
      if (gtid == "slow") {
        ++arrived;
        go_on.wait();
      }
      ending.reason = "it was " + gtid;
    };
  }
  ~Slow() { GoOn(); }
  void GoOn() {
    if (!std::exchange(gone_on, true)) go.set_value();
  }

  std::promise<void> go;
  std::shared_future<void> go_on = go.get_future().share();
  bool gone_on = false;
  std::atomic<int> arrived{0};
};

TEST(Pipelining, RepliesLeaveInTheOrderOfTheCallsWhicheverIsReadyFirst) {
  Served served;
  Slow slow(served);
  Client client(served.address());
  client->send_outcome("slow");
  client->send_outcome("quick");
  wire::HelloRequest hello;
  hello.version_low = hello.version_high = 1;
  hello.application = "third";
  client->send_hello(hello);
  // All three were begun, and the later two are ready.
  ASSERT_TRUE(WaitUntil([&] { return served.handler->calls == 3; }));
  slow.GoOn();
  wire::Ending ending;
  client->recv_outcome(ending);
  EXPECT_EQ(ending.reason, "it was slow");
  client->recv_outcome(ending);
  EXPECT_EQ(ending.reason, "it was quick");
  wire::HelloReply reply;
  client->recv_hello(reply);
  EXPECT_EQ(reply.release, "third");
}

TEST(Pipelining, OnlySoManyCallsAreInProgressAndTheRestIsReadLater) {
  Settings settings;
  settings.calls_in_progress_max = 3;
  Served served(settings);
  Slow slow(served);
  RawPeer peer(served.address());
  std::string calls = Outcome("slow");
  for (int i = 0; i < 9; ++i) calls += Outcome(std::to_string(i));
  ASSERT_TRUE(peer.Send(calls));
  ASSERT_TRUE(WaitUntil([&] { return served.handler->calls == 3; }));
  // Another connection has had rounds enough by now to show that none of the rest is begun.
  Client other(served.address());
  for (int i = 0; i < 100; ++i) other.Hello("other");
  EXPECT_EQ(served.handler->calls, 3 + 100);
  EXPECT_FALSE(peer.Readable(0ms)) << "a reply overtook the first";
  slow.GoOn();
  ::shutdown(peer.socket(), SHUT_WR);
  const auto replies = peer.ReadToEnd();
  ASSERT_TRUE(replies.has_value());
  std::size_t last = replies->find("it was slow");
  for (int i = 0; i < 9; ++i) {
    const std::size_t at = replies->find("it was " + std::to_string(i));
    ASSERT_NE(at, std::string::npos) << i;
    EXPECT_GT(at, last) << i;
    last = at;
  }
}

TEST(Pipelining, ACallThatMayBlockHoldsUpNobodyButItsOwnConnection) {
  Served served;
  Slow slow(served);
  RawPeer blocked(served.address());
  ASSERT_TRUE(blocked.Send(Outcome("slow", "blocking") + Outcome("next")));
  ASSERT_TRUE(WaitUntil([&] { return slow.arrived == 1; }));
  std::vector<std::unique_ptr<Client>> others;  // on every loop
  for (int i = 0; i < 4; ++i) others.push_back(std::make_unique<Client>(served.address()));
  for (const auto& other : others) EXPECT_EQ(other->Hello("other"), "other");
  EXPECT_EQ(served.handler->calls, 1 + 4) << "the next call of the connection was begun";
  slow.GoOn();
  ::shutdown(blocked.socket(), SHUT_WR);
  const auto replies = blocked.ReadToEnd();
  ASSERT_TRUE(replies.has_value());
  EXPECT_LT(replies->find("it was slow"), replies->find("it was next"));
  EXPECT_NE(replies->find("it was next"), std::string::npos);
}

TEST(Pipelining, N03_APeerThatDoesNotTakeItsRepliesIsReadNoMoreAndHoldsUpNobody) {
  constexpr int kCalls = 40;
  Served served;
  served.handler->on_outcome = [](wire::Ending& ending, const std::string&) {
    ending.reason = std::string(800'000, 'x') + "!";
  };
  RawPeer deaf(served.address());
  std::string calls;
  for (int i = 0; i < kCalls; ++i) calls += Outcome("large", "blocking");
  ASSERT_TRUE(deaf.Send(calls));
  // It is stuck once nothing more is begun while others are served.
  int begun = 0;
  int looks = 0;
  ASSERT_TRUE(WaitUntil([&] {
    const int before = begun;
    for (int i = 0; i < 20; ++i) Client(served.address()).Hello("others");
    begun = served.handler->calls - 20 * ++looks;
    return begun > 0 && begun == before;
  }));
  EXPECT_LT(begun, kCalls / 2) << "what the kernel's buffers hold is a few megabytes";
  ::shutdown(deaf.socket(), SHUT_WR);
  const auto replies = deaf.ReadToEnd();
  ASSERT_TRUE(replies.has_value());
  EXPECT_EQ(std::count(replies->begin(), replies->end(), '!'), kCalls);
}

TEST(Pipelining, CallsInProgressAreAnsweredToAPeerThatSaysNoMore) {
  Served served;
  Slow slow(served);
  RawPeer peer(served.address());
  ASSERT_TRUE(peer.Send(Outcome("slow") + Outcome("quick")));
  ASSERT_TRUE(WaitUntil([&] { return served.handler->calls == 2; }));
  ::shutdown(peer.socket(), SHUT_WR);
  EXPECT_FALSE(peer.Readable(50ms));
  slow.GoOn();
  const auto replies = peer.ReadToEnd();
  ASSERT_TRUE(replies.has_value());
  EXPECT_NE(replies->find("it was quick"), std::string::npos);
}

TEST(Pipelining, APlaceIsTakenUntilTheLastCallOfAConnectionHasEnded) {
  Settings settings;
  settings.connections_max = 1;
  Served served(settings);
  Slow slow(served);
  {
    RawPeer gone(served.address());
    ASSERT_TRUE(gone.Send(Outcome("slow")));
    ASSERT_TRUE(WaitUntil([&] { return slow.arrived == 1; }));
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(gone.socket(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
  }
  RawPeer second(served.address());
  EXPECT_TRUE(second.ReadToEnd().has_value());
  EXPECT_TRUE(served.heard.AwaitOneWith("all 1 are in use"));
  slow.GoOn();
  EXPECT_TRUE(WaitUntil([&] {
    try {
      return Client(served.address()).Hello("again") == "again";
    } catch (const apache::thrift::TException&) {
      return false;
    }
  }));
}

// Reads until so many replies have come.
std::string ReadReplies(TlsPeer& peer, int count) {
  std::string all;
  std::vector<std::uint8_t> room(64 * 1024);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const channel::Step got = peer.channel().Receive(room);
    if (got.kind == channel::Step::Kind::kMoved) {
      all.append(reinterpret_cast<const char*>(room.data()), got.bytes);
      int come = 0;
      for (auto at = all.find('!'); at != std::string::npos; at = all.find('!', at + 1)) ++come;
      if (come >= count) break;
    } else if (got.waits()) {
      pollfd entry{peer.channel().socket(), POLLIN, 0};
      ::poll(&entry, 1, 100);
    } else {
      break;
    }
  }
  return all;
}

TEST(Pipelining, TlsRecordsMayCutFramesAnywhereAndHoldMany) {
  TlsServed served;
  served.served.handler->on_outcome = [](wire::Ending& ending, const std::string& gtid) {
    ending.reason = gtid + "!";
  };
  TlsPeer peer(served.served.address(), served.authority.Issue("shop"));
  ASSERT_EQ(peer.Handshake(), "");
  std::string calls;
  for (int i = 0; i < 40; ++i) calls += Outcome("cut");
  for (std::size_t i = 0; i < calls.size(); i += 7) ASSERT_EQ(peer.Send(calls.substr(i, 7)), "");
  ReadReplies(peer, 40);
  EXPECT_EQ(served.served.handler->calls, 40);
  // Far more behind each other than may be in progress, or is received in one turn.
  std::string many;
  for (int i = 0; i < 4'000; ++i) many += Outcome("many");
  ASSERT_EQ(peer.Send(many + Outcome("last")), "");
  EXPECT_THAT(ReadReplies(peer, 4'001), ::testing::HasSubstr("last!"));
  EXPECT_EQ(served.served.handler->calls, 40 + 4'001);
}

}  // namespace
}  // namespace settle::testing
