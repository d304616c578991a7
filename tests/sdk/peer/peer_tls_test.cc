// Peers of three-phase commit over TLS: who is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "peer/peer_links.h"
#include "served_peer.h"
#include "support/certificates.h"
#include "support/temporary_directory.h"

namespace settle::sdk {
namespace {

using namespace std::chrono_literals;
using settle::testing::Authority;
using settle::testing::CertificateWish;
using settle::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;

const CertificateWish kSite{.alternatives = "DNS:site.shop.example"};  // names no address at all

class PeerTlsTest : public ::testing::Test {
 protected:
  TlsOptions Certificate(const std::string& name, const CertificateWish& wish = kSite) {
    const channel::TlsFiles files = authority_.Issue(name, wish);
    return {files.ca, files.certificate, files.key, ""};
  }
  AnswerPeer Counting() {
    return [this](const PeerCall&) {
      ++asked_;
      return Joined();
    };
  }
  static Result<SiteAnswer> Ask(const std::string& address, PeerTls tls) {
    PeerLinks links(nullptr, std::move(tls));
    return links.Tell(address, Elect(), FromNow(10s));
  }

  TemporaryDirectory directory_;
  Authority authority_{directory_};
  std::atomic<int> asked_ = 0;
};

TEST_F(PeerTlsTest, SitesWhoseCertificatesShareANameAnswerEachOther) {
  ServedPeer peer(Counting(), PeerServerSettings(), {.listen = "127.0.0.1:0"}, Certificate("b"));
  const auto answer = Ask(peer.address(), {.files = Certificate("a")});
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_EQ(asked_, 1);
}

TEST_F(PeerTlsTest, WithTlsAPortForPeersMayBeReachedFromOtherMachines) {
  ServedPeer peer(Counting(), PeerServerSettings(),
                  {.listen = "0.0.0.0:0", .advertise = "192.0.2.1:7421"}, Certificate("b"));
  EXPECT_EQ(peer.address(), "192.0.2.1:7421");
}

TEST_F(PeerTlsTest, WhoHasNoneOfTheNamesIsDeniedAndReachesNothing) {
  ServedPeer peer(Counting(), PeerServerSettings(),
                  {.listen = "127.0.0.1:0", .names = {"cn:stock", "cn:bank"}}, Certificate("bank"));
  const auto shop = Ask(peer.address(), {.files = Certificate("shop")});
  ASSERT_FALSE(shop);
  EXPECT_EQ(shop.error().code, ErrorCode::kDenied);
  EXPECT_THAT(shop.error().message, AllOf(HasSubstr("cn:shop"), HasSubstr("cn:stock, cn:bank")));
  EXPECT_TRUE(peer.AwaitWarning("cn:shop from 127.0.0.1"));
  EXPECT_EQ(asked_, 0);
  const auto stock = Ask(peer.address(), {.files = Certificate("stock")});
  EXPECT_TRUE(stock) << Describe(stock.error());
}

TEST_F(PeerTlsTest, NothingIsToldToOneThatAnswersWithoutOneOfTheNames) {
  ServedPeer impostor(Counting(), PeerServerSettings(), {.listen = "127.0.0.1:0"},
                      Certificate("impostor"));
  const auto answer =
      Ask(impostor.address(), {.files = Certificate("bank"), .names = {"cn:bank", "cn:stock"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDenied);
  EXPECT_THAT(answer.error().message,
              AllOf(HasSubstr("what answers at " + impostor.address()), HasSubstr("cn:impostor")));
  EXPECT_EQ(asked_, 0);
}

TEST_F(PeerTlsTest, TheCoordinatorIsKnownByTheHostThatItIsDialledAt) {
  ServedPeer witness(Counting(), PeerServerSettings(), {.listen = "127.0.0.1:0", .names = {"cn:a"}},
                     Certificate("coordinator", {.alternatives = "IP:127.0.0.1"}));
  EXPECT_TRUE(
      Ask(witness.address(), {.files = Certificate("a"), .coordinators = {witness.address()}}));
  ServedPeer elsewhere(Counting(), PeerServerSettings(),
                       {.listen = "127.0.0.1:0", .names = {"cn:a"}}, Certificate("other"));
  const auto wrong =
      Ask(elsewhere.address(), {.files = Certificate("a"), .coordinators = {elsewhere.address()}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("is not for \"127.0.0.1\", which was dialled"));
}

TEST_F(PeerTlsTest, ACertificateOfAnotherAuthorityMakesNoPeerWhateverItsName) {
  ServedPeer peer(Counting(), PeerServerSettings(), {.listen = "127.0.0.1:0"}, Certificate("b"));
  const TemporaryDirectory elsewhere;  // else the peer would take the file for a renewal of its own
  const Authority another(elsewhere, "another");
  const channel::TlsFiles forged = another.Issue("b", kSite);
  const auto answer =
      Ask(peer.address(), {.files = {authority_.path(), forged.certificate, forged.key, ""}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(peer.AwaitWarning("was not signed by an authority that is trusted here"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(PeerTlsTest, APlainPeerIsRefused) {
  ServedPeer peer(Counting(), PeerServerSettings(), {.listen = "127.0.0.1:0"}, Certificate("b"));
  EXPECT_FALSE(Ask(peer.address(), {}));
  EXPECT_TRUE(peer.AwaitWarning("it speaks plain text, and TLS is spoken here"));
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace settle::sdk
