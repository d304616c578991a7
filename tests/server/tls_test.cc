// Who is let in by certificates, and what those that are not are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thrift/transport/TSSLSocket.h>

#include "support/wait_until.h"
#include "tls_peer.h"

namespace settle::testing {
namespace {

using namespace server;
using namespace std::chrono_literals;
using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TMultiplexedProtocol;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TSSLSocket;
using apache::thrift::transport::TSSLSocketFactory;
using apache::thrift::transport::TTransportException;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Another implementation of the client: Thrift's own.
class ThriftClient {
 public:
  ThriftClient(const std::string& address, const channel::TlsFiles& files) {
    factory_.loadTrustedCertificates(files.ca.c_str());
    factory_.authenticate(true);
    if (!files.certificate.empty()) {
      factory_.loadCertificate(files.certificate.c_str());
      factory_.loadPrivateKey(files.key.c_str());
    }
    const std::shared_ptr<TSSLSocket> socket =
        factory_.createSocket("localhost", std::stoi(address.substr(address.rfind(':') + 1)));
    socket->setRecvTimeout(20'000);
    socket->open();
    stub_ = std::make_unique<wire::CoordinatorServiceClient>(std::make_shared<TMultiplexedProtocol>(
        std::make_shared<TBinaryProtocol>(std::make_shared<TFramedTransport>(socket)),
        "coordinator"));
  }
  std::string Hello(const std::string& application) {
    wire::HelloRequest request;
    request.version_low = request.version_high = 1;
    request.application = application;
    wire::HelloReply reply;
    stub_->hello(reply, request);
    return reply.release;
  }
  wire::CoordinatorServiceClient* operator->() { return stub_.get(); }

 private:
  TSSLSocketFactory factory_;
  std::unique_ptr<wire::CoordinatorServiceClient> stub_;
};

TEST(Tls, ThriftsOwnClientIsServedOverIt) {
  TlsServed served;
  ThriftClient client(served.served.address(), served.authority.Issue("shop"));
  EXPECT_EQ(client.Hello("till 7"), "till 7");
  EXPECT_EQ(client.Hello("till 8"), "till 8");
}

TEST(Tls, TheCallerIsWhoItsCertificateNames) {
  TlsServed served;
  ThriftClient client(
      served.served.address(),
      served.authority.Issue(
          "shop", {.alternatives = "URI:spiffe://example/shop,DNS:shop.example,DNS:till.example"}));
  client.Hello("till 7");
  ASSERT_THAT(served.served.Callers(), SizeIs(1));
  const Caller caller = served.served.Callers().front();
  EXPECT_EQ(caller.proof, Caller::Proof::kCertificate);
  EXPECT_THAT(caller.names, ElementsAre("cn:shop", "dns:shop.example", "dns:till.example",
                                        "uri:spiffe://example/shop"));
  EXPECT_THAT(caller.text(), HasSubstr("cn:shop from 127.0.0.1:"));
}

TEST(Tls, FramesAsLargeAsAreAllowedPassBothWays) {
  TlsServed served;
  served.served.handler->on_outcome = [](wire::Ending& ending, const std::string& text) {
    ending.reason = std::string(8'000'000, 'x') + text;
  };
  ThriftClient client(served.served.address(), served.authority.Issue("shop"));
  const std::string sent(1'000'000, 's');
  for (int i = 0; i < 3; ++i) {
    wire::Ending ending;
    client->outcome(ending, sent);
    EXPECT_THAT(ending.reason, SizeIs(9'000'000));
  }
}

TEST(Tls, AnswersCallsThatCameTogetherInOneRecordEachInTurn) {
  TlsServed served;
  TlsPeer client(served.served.address(), served.authority.Issue("shop"));
  ASSERT_EQ(client.Handshake(), "");
  const std::string call =
      Frame(CallHeader("coordinator:outcome") + Field(kString, 1) + Text("g") + kStop);
  ASSERT_EQ(client.Send(call + call + call), "");
  EXPECT_TRUE(WaitUntil([&] { return served.served.handler->calls == 3; }));
}

struct Refusal {
  const char* name;
  CertificateWish wish;
  bool of_another_authority = false;
  const char* complaint;  // of the server
  const char* told;       // to the client
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class RefusedClient : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedClient, ReachesNothingAndBothSidesAreToldWhy) {
  TlsServed served;
  const Authority another(served.directory, "another");
  const Authority& by = GetParam().of_another_authority ? another : served.authority;
  channel::TlsFiles files = by.Issue("shop", GetParam().wish);
  files.ca = served.authority.path();
  TlsPeer client(served.served.address(), files);
  client.Handshake();  // with TLS 1.3 it ends before the server has judged
  client.Send(Frame(CallHeader("coordinator:hello") + kStop));
  EXPECT_THAT(client.AwaitEnd(), HasSubstr(GetParam().told));
  EXPECT_TRUE(served.served.heard.AwaitOneWith(GetParam().complaint))
      << ::testing::PrintToString(served.served.heard.lines());
  EXPECT_THAT(served.served.Callers(), IsEmpty());
  EXPECT_TRUE(served.ServesOthers());
}

INSTANTIATE_TEST_SUITE_P(
    Everyone, RefusedClient,
    ::testing::Values(Refusal{"with_an_expired_certificate",
                              {.until = -1min},
                              false,
                              "its certificate cn:shop has expired",
                              "because it has expired: renew it"},
                      Refusal{"with_one_that_is_not_yet_valid",
                              {.from = 1h},
                              false,
                              "its certificate cn:shop is not valid before",
                              "not yet valid"},
                      Refusal{
                          "of_another_authority",
                          {},
                          true,
                          "its certificate cn:shop was not signed by an authority that is trusted",
                          "does not trust who signed it"},
                      Refusal{"with_one_made_for_servers_alone",
                              {.usage = "serverAuth"},
                              false,
                              "it needs the extended key usage clientAuth",
                              "was not made for this"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Tls, WhoShowsNoCertificateReachesNothing) {
  TlsServed served;
  EXPECT_THROW(
      {
        ThriftClient client(served.served.address(), {.ca = served.authority.path()});
        client.Hello("nobody");
      },
      TTransportException);
  EXPECT_TRUE(served.served.heard.AwaitOneWith("it showed no certificate"));
  EXPECT_THAT(served.served.Callers(), IsEmpty());
  EXPECT_TRUE(served.ServesOthers());
}

TEST(Tls, N05_PlainTextToATlsPortIsRefusedAndTold) {
  TlsServed served;
  RawPeer plain(served.served.address());
  plain.Send(Frame(CallHeader("coordinator:hello") + kStop));
  EXPECT_TRUE(plain.ReadToEnd().has_value());
  EXPECT_TRUE(served.served.heard.AwaitOneWith("it speaks plain text, and TLS is spoken here"));
  EXPECT_THAT(served.served.Callers(), IsEmpty());
  EXPECT_TRUE(served.ServesOthers());
}

TEST(Tls, N05_TlsToAPlainPortIsRefusedAndTold) {
  Served plain;
  const TemporaryDirectory directory;
  const Authority authority(directory);
  TlsPeer client(plain.address(), authority.Issue("shop"));
  EXPECT_NE(client.Handshake(), "");
  EXPECT_TRUE(plain.heard.AwaitOneWith("it speaks TLS, and this address is a plain one"));
  EXPECT_EQ(Client(plain.address()).Hello("others"), "others");
}

TEST(Tls, AUnixSocketBesideItIsPlainAndEachCallerIsKnownByItsOwnProof) {
  const TemporaryDirectory directory;
  TlsServed served({}, {}, {"127.0.0.1:0", "unix:" + (directory / "s.sock")});
  EXPECT_TRUE(served.ServesOthers());
  UnixClient local(directory / "s.sock");
  EXPECT_EQ(local.Hello("local"), "local");
  ASSERT_THAT(served.served.Callers(), SizeIs(2));
  EXPECT_EQ(served.served.Callers()[0].proof, Caller::Proof::kCertificate);
  EXPECT_EQ(served.served.Callers()[1].proof, Caller::Proof::kUnixPeer);
}

TEST(Tls, WhoDialsBelievesOnlyTheHostThatWasDialled) {
  TlsServed served({}, {.alternatives = "DNS:coordinator.example,DNS:*.cluster.example"});
  const auto dial = [&](const std::string& host) {
    return TlsPeer(served.served.address(), served.authority.Issue("shop"), host).Handshake();
  };
  EXPECT_EQ(dial("coordinator.example"), "");
  EXPECT_EQ(dial("a.cluster.example"), "");
  EXPECT_THAT(dial("127.0.0.1"), HasSubstr("is not for \"127.0.0.1\", which was dialled"));
  EXPECT_THAT(dial("coordinator"), HasSubstr("its certificate cn:coordinator is not for"))
      << "a common name is no host name";
}

TEST(Tls, WhoDialsIsToldWhatIsWrongWithTheServersCertificate) {
  const auto dial = [](const CertificateWish& wish, bool knows_the_authority) {
    TlsServed served({}, wish);
    const Authority another(served.directory, "another");
    channel::TlsFiles files = served.authority.Issue("shop");
    if (!knows_the_authority) files.ca = another.path();
    return TlsPeer(served.served.address(), files).Handshake();
  };
  EXPECT_EQ(dial({}, true), "");
  EXPECT_THAT(dial({.until = -1min}, true),
              HasSubstr("its certificate cn:coordinator has expired (it was valid until 20"));
  EXPECT_THAT(dial({.from = 1h}, true), HasSubstr("is not valid before"));
  EXPECT_THAT(dial({}, false), HasSubstr("was not signed by an authority that is trusted here"));
  EXPECT_THAT(dial({.usage = "clientAuth"}, true), HasSubstr("extended key usage serverAuth"));
}

}  // namespace
}  // namespace settle::testing
