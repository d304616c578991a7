// The command against peers that are not, or no longer, a coordinator.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "cli/run.h"
#include "views.h"

namespace settle::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Listens on a free port and does `serve` with the first connection.
class Peer {
 public:
  explicit Peer(std::function<void(int)> serve) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      serve(connection);
      close(connection);
    });
  }
  ~Peer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// Reads until the command hangs up.
void Drain(int connection) {
  char bytes[4096];
  while (recv(connection, bytes, sizeof(bytes), 0) > 0) {
  }
}

void TakeRequest(int connection, std::atomic<bool>& taken) {
  char bytes[4096];
  taken = recv(connection, bytes, sizeof(bytes), 0) > 0;
}

void Send(int connection, const std::string& bytes) {
  send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

Printed RunAt(const std::string& address, std::vector<std::string> words) {
  return Run(words, {.default_address = address, .now_us = kBegan_us});
}

TEST(FaultyPeer, NobodyListensIsSaidWithTheAddressAndWhatToDo) {
  std::string address;
  {
    const Peer gone([](int) {});
    address = gone.address();
  }
  const Printed printed = RunAt(address, {"status"});
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  EXPECT_THAT(printed.err, AllOf(HasSubstr("no coordinator can be reached at " + address),
                                 HasSubstr("--address HOST:PORT")));
  EXPECT_THAT(RunAt(address, {"resolve", kGtid, "abort", "--reason", "x", "--json"}).out,
              HasSubstr(R"({"error":{"code":"unavailable",)"));
}

TEST(FaultyPeer, N03_OneThatNeverAnswersIsGivenUpAfterTheTimeout) {
  const Peer silent(Drain);
  const auto start = std::chrono::steady_clock::now();
  const Printed printed = RunAt(silent.address(), {"status", "--timeout", "200ms"});
  EXPECT_EQ(printed.exit, ExitCode::kUnreachable);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST(FaultyPeer, N03_OneThatSendsAByteAtATimeGetsNoMoreThanTheTimeout) {
  std::atomic<int> sent = 0;
  const Peer slow([&](int connection) {
    const std::string frame("\0\1\0\0", 4);  // 64 KB to come
    Send(connection, frame);
    for (const char byte : std::string(4'000, '\0')) {
      if (send(connection, &byte, 1, MSG_NOSIGNAL) != 1) return;
      ++sent;
      pollfd gone{connection, POLLRDHUP, 0};
      if (poll(&gone, 1, 5) != 0) return;  // so many ms for each byte
    }
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(RunAt(slow.address(), {"status", "--timeout", "300ms"}).exit, ExitCode::kUnreachable);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_GT(sent, 1);
}

TEST(FaultyPeer, P16_ALostReplyToWhatChangesSomethingIsUnknownWhateverTheVerb) {
  const std::vector<std::vector<std::string>> changes{
      {"retry", kGtid},
      {"retry", "--all"},
      {"skip", kGtid, "--step", "pay", "--reason", "x"},
      {"set-input", kGtid, "--step", "pay", "--input", "{}", "--reason", "x"},
      {"saga", "start", "trip"},
      {"saga", "start", "trip", "--key", "k"}};
  for (std::vector<std::string> words : changes) {
    std::atomic<bool> taken = false;
    const Peer dies([&](int connection) { TakeRequest(connection, taken); });
    words.insert(words.end(), {"--timeout", "2s"});
    const Printed printed = RunAt(dies.address(), words);
    EXPECT_TRUE(taken) << words[0];
    EXPECT_EQ(printed.exit, ExitCode::kUnknown) << words[0];
  }
}

TEST(FaultyPeer, P16_ALostReplyToAResolveIsUnknownAndNotANo) {
  std::atomic<bool> taken = false;
  const Peer dies([&](int connection) { TakeRequest(connection, taken); });
  const Printed printed =
      RunAt(dies.address(), {"resolve", kGtid, "abort", "--reason", "x", "--timeout", "2s"});
  EXPECT_TRUE(taken);
  EXPECT_EQ(printed.exit, ExitCode::kUnknown);
  EXPECT_THAT(printed.err, HasSubstr("may or may not have been done"));
}

TEST(FaultyPeer, ALostReplyToAReadingVerbIsAnUnreachableCoordinator) {
  std::atomic<bool> taken = false;
  const Peer dies([&](int connection) { TakeRequest(connection, taken); });
  EXPECT_EQ(RunAt(dies.address(), {"show", kGtid}).exit, ExitCode::kUnreachable);
  EXPECT_TRUE(taken);
}

class FaultyAnswer : public ::testing::TestWithParam<std::pair<const char*, std::string>> {};

TEST_P(FaultyAnswer, N04_N05_IsRefusedBeforeMemoryIsTaken) {
  std::atomic<bool> taken = false;
  const Peer peer([&](int connection) {
    TakeRequest(connection, taken);
    Send(connection, GetParam().second);
    Drain(connection);
  });
  const Printed printed = RunAt(peer.address(), {"in-doubt", "--check", "--timeout", "1s"});
  EXPECT_TRUE(taken);
  EXPECT_THAT(printed.exit, ::testing::AnyOf(ExitCode::kUnreachable, ExitCode::kOtherRelease));
  EXPECT_THAT(printed.err, StartsWith("settle: "));
  EXPECT_EQ(printed.out, "");
}

std::string Frame(const std::string& body) {
  const auto size = static_cast<std::uint32_t>(body.size());
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(size >> shift & 0xff);
  return frame + body;
}

// A reply to in_doubt whose body is `fields`.
std::string Reply(const std::string& fields) {
  return Frame(std::string("\x80\x01\x00\x02\x00\x00\x00\x08", 8) + "in_doubt" +
               std::string(4, '\0') + fields);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, FaultyAnswer,
    ::testing::Values(
        std::pair{"Http", std::string("HTTP/1.1 400 Bad Request\r\n\r\n")},
        std::pair{"FrameOfLengthZero", std::string(4, '\0')},
        std::pair{"NegativeFrame", std::string("\xff\xff\xff\xff", 4)},
        std::pair{"FrameOfTwoGigabytes", std::string("\x7f\xff\xff\xff", 4)},
        std::pair{"Garbage", Frame("garbage, and more of it")},
        std::pair{"TruncatedFrame", Frame("x").substr(0, 3)},
        std::pair{
            "StringThatClaims64Megabytes",
            Reply(std::string(
                "\x0c\x00\x00\x0f\x00\x01\x0c\x00\x00\x00\x01\x0b\x00\x01\x04\x00\x00\x00", 18))},
        std::pair{"ListOfMillions",
                  Reply(std::string("\x0c\x00\x00\x0f\x00\x01\x0c\x7f\xff\xff\xff\x00", 12))},
        std::pair{"NoResult", Reply(std::string(1, '\0'))},
        std::pair{"MissingFields", Reply(std::string("\x0c\x00\x00\x00\x00", 5))},
        std::pair{"NestedTenThousandDeep", Reply([] {
                    std::string deep;
                    for (int i = 0; i < 10'000; ++i) deep += std::string("\x0c\x00\x63", 3);
                    return deep;
                  }())}),
    [](const auto& instance) { return instance.param.first; });

}  // namespace
}  // namespace settle::cli
