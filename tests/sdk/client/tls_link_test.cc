// Connections of the SDK over TLS and over Unix sockets, and what they say when one cannot be made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "raw_service.h"
#include "server/tls_peer.h"
#include "settle/coordinator.h"
#include "support/wait_until.h"
#include "transport/link.h"

namespace settle::sdk {
namespace {

using namespace std::chrono_literals;
using settle::testing::Authority;
using settle::testing::CertificateWish;
using settle::testing::Served;
using settle::testing::TemporaryDirectory;
using settle::testing::TlsServed;
using settle::testing::WaitUntil;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

TlsOptions Options(const channel::TlsFiles& files, const std::string& server_name = "") {
  return {files.ca, files.certificate, files.key, server_name};
}

Result<std::unique_ptr<Link>> Open(const std::string& address, const TlsOptions& tls,
                                   milliseconds patience = 5s) {
  return Link::Open({{address}, "test", patience, tls}, nullptr, Clock::now() + 20s);
}

// "" when it is made.
std::string WhyNot(const std::string& address, const TlsOptions& tls) {
  const auto link = Open(address, tls);
  return link ? "" : Describe(link.error());
}

void AnswerHello(Served& served) { served.handler->log_id = "k3m9qxw4c7ab"; }

TEST(TlsLink, GreetsTheCoordinatorWhoKnowsItsName) {
  TlsServed served;
  AnswerHello(served.served);
  EXPECT_EQ(WhyNot(served.served.address(), Options(served.authority.Issue("shop"))), "");
  EXPECT_THAT(served.served.Callers().front().names, ::testing::Contains("cn:shop"));
}

TEST(TlsLink, OverAUnixSocketNeedsNoneAndHasNone) {
  const TemporaryDirectory directory;
  Served served({}, nullptr, {"unix:" + (directory / "s.sock")});
  AnswerHello(served);
  EXPECT_EQ(WhyNot(served.address(), {}), "");
  const Authority authority(directory);
  EXPECT_EQ(WhyNot(served.address(), Options(authority.Issue("shop"))), "");
  EXPECT_EQ(served.Callers().back().uid, ::getuid());
  EXPECT_THAT(WhyNot("unix:" + (directory / "nowhere.sock"), {}),
              HasSubstr("nowhere.sock: No such file or directory"));
}

TEST(TlsLink, HoldsTheCoordinatorToTheHostThatWasDialledOrToTheNameThatWasGiven) {
  TlsServed served({}, {.alternatives = "DNS:coordinator.example"});
  AnswerHello(served.served);
  const channel::TlsFiles shop = served.authority.Issue("shop");
  EXPECT_THAT(WhyNot(served.served.address(), Options(shop)),
              HasSubstr("is not for \"127.0.0.1\", which was dialled"));
  EXPECT_EQ(WhyNot(served.served.address(), Options(shop, "coordinator.example")), "");
}

TEST(TlsLink, SaysWhatIsWrongWithTheCoordinatorsCertificate) {
  TlsServed expired({}, {.until = -1min});
  EXPECT_THAT(WhyNot(expired.served.address(), Options(expired.authority.Issue("shop"))),
              HasSubstr("its certificate cn:coordinator has expired"));
  TlsServed foreign;
  EXPECT_THAT(WhyNot(foreign.served.address(), Options(expired.authority.Issue("shop"))),
              HasSubstr("was not signed by an authority that is trusted here"));
}

TEST(TlsLink, SaysWhyTheCoordinatorRefusesItsOwn) {
  TlsServed served;
  AnswerHello(served.served);
  EXPECT_THAT(
      WhyNot(served.served.address(), Options(served.authority.Issue("late", {.until = -1min}))),
      HasSubstr("it refuses our certificate, because it has expired: renew it (the "
                "certificate cn:late of "));
  const Authority another(served.directory, "another");
  TlsOptions stranger = Options(another.Issue("stranger"));
  stranger.ca = served.authority.path();
  EXPECT_THAT(WhyNot(served.served.address(), stranger), HasSubstr("does not trust who signed it"));
}

TEST(TlsLink, WithoutCertificatesAskedOfATlsPortSaysWhatMayBeMissing) {
  TlsServed served;
  EXPECT_THAT(WhyNot(served.served.address(), {}), HasSubstr("does it speak TLS there"));
  EXPECT_TRUE(served.served.heard.AwaitOneWith("it speaks plain text"));
}

TEST(TlsLink, ToAPlainPortSaysThatNoTlsIsSpokenThere) {
  Served plain;
  AnswerHello(plain);
  const TemporaryDirectory directory;
  const Authority authority(directory);
  EXPECT_THAT(WhyNot(plain.address(), Options(authority.Issue("shop"))),
              HasSubstr("does it speak TLS there?"));
  EXPECT_EQ(WhyNot(plain.address(), {}), "");
}

TEST(TlsLink, ReadsItsFilesForEveryConnectionSoThatARenewalNeedsNoRestart) {
  TlsServed served;
  AnswerHello(served.served);
  const TlsOptions options = Options(served.authority.Issue("shop", {.until = -1min}));
  EXPECT_NE(WhyNot(served.served.address(), options), "");
  served.authority.Issue("shop");
  EXPECT_EQ(WhyNot(served.served.address(), options), "");
  // Half of a renewal is worth another attempt.
  std::filesystem::copy_file(served.authority.Issue("another").key, options.key,
                             std::filesystem::copy_options::overwrite_existing);
  const auto torn = Open(served.served.address(), options);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(torn.error().message, HasSubstr("does not belong to the certificate"));
}

TEST(TlsLink, AHandshakeThatNobodyAnswersEndsAtTheDeadline) {
  RawService silent("");
  const TemporaryDirectory directory;
  const Authority authority(directory);
  const auto start = Clock::now();
  const auto link = Open(silent.address(), Options(authority.Issue("shop")), 300ms);
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, ErrorCode::kUnavailable);
  EXPECT_GE(Clock::now() - start, 300ms);
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST(TlsLink, AHandshakeThatDripsEndsAtTheDeadline) {
  // The head of a handshake record, and then its body, a byte each 20 ms.
  RawService dripping(
      std::string("\x16\x03\x03\x01\x00\x02\x00\x00\xfc\x03\x03", 11) + std::string(2'000, '\x01'),
      20ms);
  const TemporaryDirectory directory;
  const Authority authority(directory);
  const auto start = Clock::now();
  EXPECT_FALSE(Open(dripping.address(), Options(authority.Issue("shop")), 300ms));
  EXPECT_GE(Clock::now() - start, 300ms) << "ended for another reason";
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST(TlsLink, AnInterruptEndsAHandshake) {
  RawService silent("");
  const TemporaryDirectory directory;
  const Authority authority(directory);
  Interrupter stop;
  std::thread stopper([&] {
    EXPECT_TRUE(WaitUntil([&] { return silent.greeted() == 1; })) << "the handshake began";
    stop.Interrupt();
  });
  const auto start = Clock::now();
  EXPECT_FALSE(Link::Open({{silent.address()}, "test", 30s, Options(authority.Issue("shop"))},
                          &stop, Clock::now() + 30s));
  EXPECT_LT(Clock::now() - start, 10s);
  stopper.join();
}

TEST(TlsOptionsOfAProgram, AreRefusedAtOnceWhenTheyCannotBeUsed) {
  const auto refusal = [](const TlsOptions& tls) {
    const auto connected = Coordinator::Connect({.addresses = {"127.0.0.1:1"}, .tls = tls});
    EXPECT_EQ(connected.error().code, ErrorCode::kInvalid);
    return Describe(connected.error());
  };
  EXPECT_THAT(refusal({.ca = "/tmp/ca.pem"}), HasSubstr("give all three"));
  EXPECT_THAT(refusal({"/nowhere/ca.pem", "/nowhere/a.pem", "/nowhere/a.key", ""}),
              HasSubstr("\"/nowhere/ca.pem\" cannot be read"));
}

}  // namespace
}  // namespace settle::sdk
