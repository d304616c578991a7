// Whatever reaches the daemon's port: it is closed or refused, memory stays bounded, others go on.
#include <cstdlib>
#include <deque>
#include <fstream>
#include <random>

#include "end_to_end/fixture.h"
#include "end_to_end/raw_client.h"
#include "fuzz/inputs.h"
#include "support/sanitized.h"

namespace settle::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;

// Peak of resident memory.
constexpr std::size_t kKilobytesMost = (kSanitized ? 2048 : 256) * 1024;

class HostilePeer : public EndToEnd {
 protected:
  explicit HostilePeer(const std::string& rules = "") : EndToEnd(kBothSqlite) {
    world_.daemon().options = {"--io-timeout", "1s"};
    if (!rules.empty()) {
      std::ofstream(world_ / "access.json") << rules;
      std::filesystem::permissions(world_ / "access.json", std::filesystem::perms(0600));
      world_.daemon().options.insert(world_.daemon().options.end(),
                                     {"--access", world_ / "access.json"});
    }
    world_.daemon().Start();
    shop_ = &world_.Start();
  }

  std::unique_ptr<RawClient> Connect() {
    return std::make_unique<RawClient>(world_.daemon().port());
  }

  // A framed call of the binary protocol: version 1, type call, the method's name, number 1, then
  // its arguments.
  static std::string Call(const std::string& method, const std::string& arguments) {
    const std::string body = std::string("\x80\x01\x00\x01", 4) +
                             FrameLength(static_cast<std::uint32_t>(method.size())) + method +
                             FrameLength(1) + arguments;
    return FrameLength(static_cast<std::uint32_t>(body.size())) + body;
  }

  std::size_t PeakKilobytes() {
    const std::string path = "/proc/" + std::to_string(world_.daemon().process().id()) + "/status";
    const std::string status = ReadFile(path);
    const std::size_t at = status.find("VmHWM:");
    return at == std::string::npos ? 0 : std::stoul(status.substr(at + 6));
  }

  void ExpectServed() {
    ASSERT_TRUE(world_.daemon().process().running()) << "the daemon died";
    EXPECT_LT(PeakKilobytes(), kKilobytesMost);
    EXPECT_EQ(world_.Cli({"status"}).code, 0);
    const std::string gtid = world_.Move(*shop_);
    EXPECT_THAT(shop_->Ask("commit"), StartsWith("committed"));
    EXPECT_EQ(world_.HalvesOf(gtid), 2u);
  }
  void ExpectUnharmed() {
    ExpectServed();
    EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  }

  Application* shop_ = nullptr;
};

TEST_F(HostilePeer, N04_FrameLengthsBeyondTheLimit_AreClosedBeforeMemoryIsTaken) {
  for (const std::uint32_t length : {0u, 0x80000000u, 0xFFFFFFFFu, 0x7FFFFFFFu, 1u << 30}) {
    const auto peer = Connect();
    peer->Send(FrameLength(length) + std::string(1000, 'x'));
    EXPECT_TRUE(peer->IsClosed()) << length;
  }
  ExpectUnharmed();
}

TEST_F(HostilePeer, N04_ContainersAndStringsThatClaimTooMuch_AreRefused) {
  const std::string huge = FrameLength(64u << 20);
  const std::vector<std::string> arguments{
      std::string("\x0b\x00\x01", 3) + huge,                             // a string of 64 MB
      std::string("\x0f\x00\x01\x0c", 4) + FrameLength(0x7FFFFFFF),      // a list of structs
      std::string("\x0d\x00\x01\x0b\x0b", 5) + FrameLength(0x7FFFFFFF),  // a map
      [] {                                                               // structs in structs
        std::string nested;
        for (int i = 0; i < 10'000; ++i) nested += std::string("\x0c\x00\x01", 3);
        return nested;
      }()};
  for (const std::string& argument : arguments) {
    for (const char* method :
         {"coordinator:begin_transaction", "participant:report", "admin:show"}) {
      const auto peer = Connect();
      peer->Send(Call(method, argument));
      peer->CloseSending();
      EXPECT_TRUE(peer->IsClosed()) << method;
    }
  }
  ExpectUnharmed();
}

TEST_F(HostilePeer, N05_HttpTlsAndGarbage_AreClosed) {
  const std::vector<std::string> texts{
      "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /admin HTTP/1.1\r\n\r\n{}",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(505, 'r'),
      "SSH-2.0-OpenSSH_9.2\r\n",
      std::string(10'000, '\0'),
      std::string(10'000, '\xff')};
  for (const std::string& text : texts) {
    const auto peer = Connect();
    peer->Send(text);
    EXPECT_TRUE(peer->IsClosed()) << text.substr(0, 8);
  }
  ExpectUnharmed();
}

TEST_F(HostilePeer, N05_UnknownMethodsAndMissingFields_AreRefusedAndNeverMeanCommit) {
  const std::string gtid = world_.Move(*shop_);
  const std::string nothing(1, '\0');  // no arguments at all
  for (const char* method :
       {"coordinator:commit", "coordinator:commit_one_phase", "commit", "admin:resolve",
        "coordinator:no_such", "participant:report", "", ":"}) {
    const auto peer = Connect();
    peer->Send(Call(method, nothing));
    peer->CloseSending();
    EXPECT_TRUE(peer->IsClosed()) << method;
  }
  EXPECT_EQ(world_.OutcomeShown(gtid), "undecided");
  ExpectUnharmed();
}

TEST_F(HostilePeer, N05_TruncatedFrames_AreClosedWhenTheirTimeIsOver) {
  std::vector<std::unique_ptr<RawClient>> peers;
  for (int i = 0; i < 50; ++i) {
    peers.push_back(Connect());
    peers.back()->Send(FrameLength(1'000'000) + "half a");
  }
  ExpectUnharmed();  // while they all hang there
  for (const auto& peer : peers) EXPECT_TRUE(peer->IsClosed());
}

TEST_F(HostilePeer, N05_RandomBytes_HarmNobody) {
  std::minstd_rand random(20'260'731);
  for (int i = 0; i < 300; ++i) {
    std::string bytes;
    for (auto length = random() % 400; length > 0; --length) bytes += static_cast<char>(random());
    const auto peer = Connect();
    // Every other one in a frame whose length is right, so that it gets past the framing.
    peer->Send(i % 2 == 0 ? bytes : FrameLength(static_cast<std::uint32_t>(bytes.size())) + bytes);
  }
  ExpectUnharmed();
}

// As many as the connections may hold together, and none of them whole.
TEST_F(HostilePeer, N04_LargeFramesThatNeverEnd_TakeNoMoreThanTheirShare) {
  constexpr std::size_t kLength = 16 * 1024 * 1024;
  const std::string much(kLength - 1, 'x');
  std::vector<std::unique_ptr<RawClient>> peers;
  for (int i = 0; i < 40; ++i) {
    peers.push_back(Connect());
    peers.back()->Send(FrameLength(kLength) + much);
  }
  ExpectUnharmed();
  for (const auto& peer : peers) EXPECT_TRUE(peer->IsClosed());
}

// Whoever comes may do what applications and participants do, and look.
class HostileFrames : public HostilePeer {
 protected:
  HostileFrames()
      : HostilePeer(R"({"rules": [{"who": "local", "resources": ["*"], "participants": ["*"],
          "roles": ["application", "participant", "operator-read"]}]})") {}

  // What the campaign asks for, or what ordinary tests have the time for.
  static std::uint32_t Asked() {
    const char* const asked = std::getenv("SETTLE_HOSTILE_FRAMES");
    return asked == nullptr ? 3'000 : static_cast<std::uint32_t>(std::stoul(asked));
  }
};

// What hostile peers begin stays open until its time is over, and is not waited for.
TEST_F(HostileFrames, N04_N05_X01_VariationsOfRealCalls_HarmNobody) {
  const std::vector<std::string> seeds = fuzz::Seeds("port");
  const std::uint32_t asked = Asked();
  std::deque<std::unique_ptr<RawClient>> peers;
  std::uint32_t answered = 0;
  for (std::uint32_t i = 1; i <= asked; ++i) {
    peers.push_back(Connect());
    peers.back()->Send(fuzz::Variation(seeds, i));
    peers.back()->CloseSending();
    if (i % 1'000 == 0) ExpectServed();
    if (HasFatalFailure()) return;
    if (peers.size() < 16) continue;
    peers.front()->IsClosed(std::chrono::milliseconds(20));  // or a call of it waits
    answered += peers.front()->received.empty() ? 0 : 1;
    peers.pop_front();
  }
  ExpectServed();
  EXPECT_GT(answered, asked / 4) << "most are no calls at all";
  std::cerr << asked << " connections with hostile frames, " << answered << " were answered, peak "
            << PeakKilobytes() / 1024 << " MiB\n";
}

}  // namespace
}  // namespace settle::testing
