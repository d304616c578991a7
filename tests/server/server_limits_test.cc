// What a peer can send, or not send, and what it costs: a connection of its own, never the daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "served.h"
#include "server/server.h"
#include "support/raw_peer.h"
#include "support/sanitized.h"

namespace settle::testing {
namespace {

using namespace server;
using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::size_t ResidentBytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * 4096;
}

void ExpectClosedAndOthersServed(Served& served, const std::string& bytes) {
  RawPeer peer(served.address());
  peer.Send(bytes);
  EXPECT_TRUE(peer.ReadToEnd().has_value()) << "the connection is still open";
  EXPECT_EQ(Client(served.address()).Hello("others"), "others");
}

struct Bad {
  const char* name;
  std::string bytes;
  const char* why = "a connection was closed";
};
constexpr const char* kTooLarge = "Exceeded size limit";
constexpr const char* kNegative = "Negative size";
constexpr const char* kTooDeep = "Exceeded depth limit";
constexpr const char* kFrameSize = "bytes was announced";
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }

class MalformedFrame : public ::testing::TestWithParam<Bad> {};

TEST_P(MalformedFrame, N04_N05_ClosesItsConnectionAndHarmsNobodyElse) {
  Served served;
  ExpectClosedAndOthersServed(served, GetParam().bytes);
  EXPECT_EQ(served.handler->calls, 1);  // of the others
  EXPECT_TRUE(served.heard.AwaitOneWith(GetParam().why));
}

std::string DeepNesting(int depth) {
  std::string payload = CallHeader("coordinator:hello") + Field(kStruct, 1);
  for (int i = 0; i < depth; ++i) payload += Field(kStruct, 99);
  payload += std::string(static_cast<std::size_t>(depth), '\0') + kStop + kStop;
  return payload;
}

std::string CommitWithVotes(std::uint32_t claimed) {
  return CallHeader("coordinator:commit") + Field(kStruct, 1) + Field(kString, 1) + Text("g") +
         Field(kList, 2) + std::string(1, kStruct) + BigEndian(claimed);
}

INSTANTIATE_TEST_SUITE_P(
    Everything, MalformedFrame,
    ::testing::Values(
        Bad{"length_zero", BigEndian(0), kFrameSize},
        Bad{"length_negative", BigEndian(0xffffffff), kFrameSize},
        Bad{"length_over_the_limit", BigEndian(16 * 1024 * 1024 + 1) + "x", kFrameSize},
        Bad{"http", "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n", kFrameSize},
        Bad{"tls_client_hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
            kFrameSize},
        Bad{"unframed_call", CallHeader("coordinator:hello") + kStop, kFrameSize},
        Bad{"garbage_in_a_frame", Frame("\x01\x02\x03 certainly no call")},
        Bad{"empty_call", Frame(CallHeader("coordinator:hello"))},
        Bad{"no_service_name", Frame(CallHeader("hello") + kStop)},
        Bad{"a_reply_instead_of_a_call",
            Frame(BigEndian(0x80010002) + Text("coordinator:hello") + BigEndian(1) + kStop),
            "message type"},
        Bad{"name_of_64_MB", Frame(BigEndian(0x80010001) + BigEndian(64 * 1024 * 1024) + "hello"),
            kTooLarge},
        Bad{"name_of_negative_length",
            Frame(BigEndian(0x80010001) + BigEndian(0x80000000) + "hello"), kNegative},
        Bad{"string_of_64_MB",
            Frame(CallHeader("coordinator:outcome") + Field(kString, 1) +
                  BigEndian(64 * 1024 * 1024) + "g"),
            kTooLarge},
        Bad{"list_of_millions", Frame(CommitWithVotes(5'000'000)), kTooLarge},
        Bad{"list_of_negative_length", Frame(CommitWithVotes(0xfffffff0)), kNegative},
        Bad{"nesting_10000_deep", Frame(DeepNesting(10'000)), kTooDeep},
        Bad{"field_of_no_type", Frame(CallHeader("coordinator:hello") + Field(77, 1) + kStop)}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ServerLimits, N04_AClaimCostsNoMemory) {
  Served served;
  Client(served.address()).Hello("warm up");
  const std::size_t before = ResidentBytes();
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<RawPeer>(served.address()));
    peers.back()->Send(BigEndian(16 * 1024 * 1024) + std::string(20'000, 'x'));  // a claim of 16 MB
    peers.push_back(std::make_unique<RawPeer>(served.address()));
    peers.back()->Send(
        Frame(CallHeader("coordinator:outcome") + Field(kString, 1) + BigEndian(900'000)));
  }
  EXPECT_EQ(Client(served.address()).Hello("others"), "others");
  EXPECT_TRUE(kSanitized || ResidentBytes() < before + 64 * 1024 * 1024);
}

TEST(ServerLimits, N04_LargeFramesShareABudgetAndGiveItBack) {
  Settings settings;
  settings.buffered_bytes_max = 3 * 1024 * 1024;
  Served served(settings);
  const std::string megabytes(2 * 1024 * 1024, 'x');
  RawPeer first(served.address());
  ASSERT_TRUE(first.Send(BigEndian(2 * 1024 * 1024 + 100) +
                         megabytes));  // not whole: its memory stays taken
  std::thread second([&] {
    RawPeer peer(served.address());
    peer.Send(BigEndian(2 * 1024 * 1024 + 100) + megabytes);
    peer.ReadToEnd();
  });
  EXPECT_TRUE(served.heard.AwaitOneWith("memory for large frames"));
  second.join();
  ::shutdown(first.socket(), SHUT_RDWR);
  EXPECT_TRUE(first.ReadToEnd().has_value());
  // Given back: a frame of that size is read again, to be refused for what is in it.
  for (int i = 0; i < 5; ++i) ExpectClosedAndOthersServed(served, Frame(megabytes));
}

TEST(ServerLimits, N05_ATruncatedFrameIsDroppedWithItsConnection) {
  Served served;
  RawPeer peer(served.address());
  ASSERT_TRUE(peer.Send(BigEndian(100) + "only this"));
  ::shutdown(peer.socket(), SHUT_WR);
  EXPECT_THAT(peer.ReadToEnd(), Optional(IsEmpty()));
  EXPECT_TRUE(served.heard.AwaitOneWith("closed inside a frame"));
}

TEST(ServerLimits, N05_ComplaintsAreLoggedAtABoundedRate) {
  Served served;
  for (int i = 0; i < 200; ++i) {
    RawPeer peer(served.address());
    peer.Send(BigEndian(0));
    ASSERT_TRUE(peer.ReadToEnd().has_value());
  }
  EXPECT_THAT(served.heard.lines(), SizeIs(::testing::Le(20u)));
}

TEST(ServerLimits, N05_WhatAPeerSentIsEscapedInTheLog) {
  Served served;
  RawPeer peer(served.address());
  peer.Send(Frame(CallHeader("\x1b[31mtreasury\n:hello") + kStop));
  ASSERT_TRUE(peer.ReadToEnd().has_value());
  ASSERT_TRUE(served.heard.AwaitOneWith("treasury"));
  for (const std::string& event : served.heard.lines()) {
    EXPECT_EQ(event.find('\x1b'), std::string::npos) << event;
    EXPECT_EQ(event.find('\n'), std::string::npos) << event;
  }
}

Settings Hasty() {
  Settings settings;
  settings.frame.io_timeout = 300ms;
  settings.frame.idle_timeout = 60s;
  return settings;
}

TEST(ServerLimits, N03_OneByteAtATimeIsCutOffByTheFramesDeadline) {
  Served served(Hasty());
  RawPeer peer(served.address());
  const auto begun = std::chrono::steady_clock::now();
  const std::string frame = Frame(std::string(1000, 'x'));
  std::size_t sent = 0;
  while (sent < frame.size() && !peer.Readable(20ms)) peer.Send(frame.substr(sent++, 1));
  EXPECT_THAT(peer.ReadToEnd(), Optional(IsEmpty()));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  EXPECT_LT(sent, frame.size());
  EXPECT_TRUE(served.heard.AwaitOneWith("a frame was not whole within"));
}

TEST(ServerLimits, N03_AConnectionThatNeverSpeaksIsClosed) {
  Served served(Hasty());
  RawPeer silent(served.address());
  EXPECT_THAT(silent.ReadToEnd(), Optional(IsEmpty()));
}

TEST(ServerLimits, N03_AConnectionThatHasSpokenMayRestUpToTheIdleTimeout) {
  Settings settings = Hasty();
  settings.frame.idle_timeout = 1500ms;
  Served served(settings);
  RawPeer peer(served.address());
  peer.Send(Frame(CallHeader("coordinator:explode") + kStop));
  ASSERT_TRUE(peer.Readable(10s));
  char reply[512];
  ASSERT_GT(::recv(peer.socket(), reply, sizeof(reply), 0), 0);
  EXPECT_FALSE(peer.Readable(700ms));                  // longer than the io time-out: still open
  EXPECT_THAT(peer.ReadToEnd(), Optional(IsEmpty()));  // the idle time-out closed it
}

TEST(ServerLimits, N03_AnAnswerThatIsNotTakenIsGivenUp) {
  Served served(Hasty());
  served.handler->on_outcome = [](wire::Ending& ending, const std::string&) {
    ending.reason = std::string(12'000'000, 'x');
  };
  RawPeer deaf(served.address());
  ASSERT_TRUE(
      deaf.Send(Frame(CallHeader("coordinator:outcome") + Field(kString, 1) + Text("g") + kStop)));
  EXPECT_TRUE(served.heard.AwaitOneWith("a reply was not taken within"));
}

TEST(ServerLimits, N03_HundredsOfSlowPeersDoNotDelayOthers) {
  Served served(Hasty());
  std::vector<std::unique_ptr<RawPeer>> slow;
  for (int i = 0; i < 300; ++i) {
    slow.push_back(std::make_unique<RawPeer>(served.address()));
    slow.back()->Send(BigEndian(1000));
  }
  const auto begun = std::chrono::steady_clock::now();
  Client client(served.address());
  for (int i = 0; i < 100; ++i) client.Hello("quick");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST(ServerLimits, C22_ConnectionsBeyondTheLimitAreClosedAndThePlacesComeBack) {
  Settings settings;
  settings.connections_max = 2;
  Served served(settings);
  {
    Client first(served.address());
    Client second(served.address());
    first.Hello("first");
    second.Hello("second");
    RawPeer third(served.address());
    EXPECT_THAT(third.ReadToEnd(), Optional(IsEmpty()));
    EXPECT_TRUE(served.heard.AwaitOneWith("all 2 are in use"));
    EXPECT_EQ(first.Hello("still"), "still");
  }
  // The places are free as soon as the server has seen the ends of both.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  for (;;) {
    try {
      EXPECT_EQ(Client(served.address()).Hello("again"), "again");
      break;
    } catch (const apache::thrift::TException&) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
  }
}

TEST(ServerLimits, C22_WithoutDescriptorsConnectionsWaitAndAreServedLater) {
  Served served;
  Client known(served.address());
  known.Hello("before");
  RawPeer late;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit none = limit;
  none.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  late.Connect(served.address());
  const bool complained = served.heard.AwaitOneWith("an accept failed and is tried again");
  EXPECT_EQ(known.Hello("during"), "during");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(complained);
  ASSERT_TRUE(late.Send(Frame(CallHeader("coordinator:explode") + kStop)));
  EXPECT_TRUE(late.Readable(10s));
}

}  // namespace
}  // namespace settle::testing
