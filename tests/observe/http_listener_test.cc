#include "observe/http_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <list>
#include <stdexcept>

#include "support/engine_fakes.h"
#include "support/raw_peer.h"
#include "support/wait_until.h"

namespace settle::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawPeer;
using ::testing::StartsWith;

Result<std::unique_ptr<HttpListener>> Listen(const std::string& at, Observer& observer) {
  return HttpListener::Start(
      *server::Resolve(*server::ParseListenAddress(at)),
      {{"/healthz",
        [] {
          return HttpReply{200, "alive\n"};
        }},
       {"/readyz",
        [] {
          return HttpReply{503, "draining\n"};
        }},
       {"/long",
        [] {
          return HttpReply{200, std::string(8'000, 'x') + "end\n"};
        }},
       {"/broken", []() -> HttpReply { throw std::runtime_error("no luck"); }}},
      observer);
}

// Of this process, the listener's included.
std::ptrdiff_t OpenDescriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

class Http : public ::testing::Test {
 protected:
  // What is answered to these bytes until the connection is closed.
  std::string Said(const std::string& bytes, std::chrono::milliseconds at_most = 10s) const {
    RawPeer peer(http->address());
    peer.Send(bytes);
    return peer.ReadToEnd(at_most).value_or("nothing, and the connection is open");
  }
  std::string Get(const std::string& path) const {
    return Said("GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n");
  }

  RecordingObserver observer;
  std::unique_ptr<HttpListener> http = *Listen("127.0.0.1:0", observer);
};

TEST_F(Http, AnswersItsPagesAndClosesTheConnection) {
  EXPECT_THAT(Get("/healthz"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 6\r\n"),
                    HasSubstr("Connection: close\r\n"), EndsWith("\r\n\r\nalive\n")));
  EXPECT_THAT(Get("/readyz?why=so"),
              AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"), EndsWith("draining\n")));
}

TEST_F(Http, NamesItsPagesToWhoeverAsksForAnother) {
  for (const char* path : {"/", "/etc/passwd", "/healthz/more", "/../etc/passwd", "/%2e%2e/x"}) {
    EXPECT_THAT(Get(path), AllOf(StartsWith("HTTP/1.1 404 "), Not(HasSubstr("alive")),
                                 HasSubstr("there are: /broken /healthz /long /readyz\n")))
        << path;
  }
}

TEST_F(Http, AnswersGetAndHeadAlone) {
  EXPECT_THAT(
      Said("HEAD /healthz HTTP/1.1\r\nHost: here\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Content-Length: 6\r\n"), EndsWith("\r\n\r\n")));
  for (const char* method : {"POST", "PUT", "DELETE"}) {
    EXPECT_THAT(Said(std::string(method) +
                     " /healthz HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi"),
                AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n")))
        << method;
  }
}

TEST_F(Http, APageThatFailsIsAnAnswer) {
  EXPECT_THAT(Get("/broken"), AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("no luck")));
  EXPECT_THAT(Get("/healthz"), EndsWith("alive\n"));
}

TEST_F(Http, IsNotImpressedByNoiseOrByMoreThanARequestMayHold) {
  for (const std::string& bytes :
       {std::string("\0\xff\x16\x03\x01", 5) + "\r\n\r\n", std::string("GET\r\n\r\n"),
        "GET /healthz HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",
        "GET /" + std::string(100'000, 'x')}) {
    EXPECT_THAT(Said(bytes), AllOf(Not(HasSubstr("alive")), Not(HasSubstr("is open"))));
    EXPECT_THAT(Get("/healthz"), EndsWith("alive\n"));
  }
}

TEST_F(Http, ARequestThatComesDropByDropHasTwoSeconds) {
  RawPeer peer(http->address());
  const auto from = std::chrono::steady_clock::now();
  const auto took = [&] { return std::chrono::steady_clock::now() - from; };
  peer.Send("GET /healthz HTTP/1.1\r\n");
  while (!peer.Readable(200ms) && took() < 10s) peer.Send("X: y\r\n");
  EXPECT_LT(took(), 8s);
  EXPECT_GE(took(), 1s);
}

// They get their two seconds one after the other; whoever waits in the kernel is served then.
TEST_F(Http, IdleClientsDelayOthersAndNoMore) {
  std::list<RawPeer> idle;
  for (int i = 0; i < 4; ++i) idle.emplace_back(http->address());
  EXPECT_THAT(Get("/healthz"), EndsWith("alive\n"));
}

// Over a network a page leaves in several round trips, the last ones after the server has closed.
TEST_F(Http, APageArrivesWholeAtAClientThatTakesItSlowly) {
  RawPeer slow;
  const int few = 2'048;
  ASSERT_EQ(::setsockopt(slow.socket(), SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)), 0);
  const auto descriptors = OpenDescriptors();
  slow.Connect(http->address());
  slow.Send("GET /long HTTP/1.1\r\nHost: here\r\n\r\n");
  ASSERT_TRUE(slow.Readable(10s));
  ASSERT_TRUE(testing::WaitUntil([&] { return OpenDescriptors() == descriptors; }))
      << "the listener closes what it has written, and most of that has not been taken";
  EXPECT_THAT(slow.ReadToEnd().value_or("nothing"), EndsWith("xend\n"));
}

TEST_F(Http, StopsAtOnceWhenNobodyIsThere) {
  const auto from = std::chrono::steady_clock::now();
  http.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - from, 1500ms);
}

TEST_F(Http, StopsSoonWithAClientThatSaysNothing) {
  RawPeer idle(http->address());
  Get("/healthz");  // the other one is accepted by now
  const auto from = std::chrono::steady_clock::now();
  http.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - from, 10s);
}

TEST_F(Http, AnAddressThatIsTakenIsToldWithWhatToDo) {
  const auto second = Listen(http->address(), observer);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(Describe(second.error()),
              AllOf(HasSubstr(http->address()), HasSubstr("--http-listen")));
}

TEST_F(Http, ListensOnIpVersion6OrSaysThatItCannot) {
  const auto v6 = Listen("[::1]:0", observer);
  if (v6) {
    EXPECT_THAT((*v6)->address(), AllOf(StartsWith("[::1]:"), Not(EndsWith(":0"))));
  } else {
    EXPECT_THAT(Describe(v6.error()), AllOf(HasSubstr("[::1]:0"), HasSubstr("built without IPv6"),
                                            HasSubstr("127.0.0.1")));
  }
}

}  // namespace
}  // namespace settle::coordinator
