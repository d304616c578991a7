// The rules of --access, in front of a real daemon.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thrift/transport/TSSLSocket.h>

#include <cstdio>

#include "settled_process.h"
#include "support/certificates.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class AccessOfADaemon : public ::testing::Test {
 protected:
  // As the page says: beside it, and renamed over it.
  void Write(const std::string& rules) {
    const std::string fresh = path_ + ".new";
    std::ofstream(fresh) << R"({"rules": [)" << rules << "]}";
    ASSERT_EQ(::chmod(fresh.c_str(), 0600), 0);
    ASSERT_EQ(std::rename(fresh.c_str(), path_.c_str()), 0);
  }
  // A stop does not wait for what the tests leave undecided.
  std::vector<std::string> Options() {
    return OptionsIn(directory_, {"--access", path_, "--drain-timeout", "0s"});
  }

  static std::optional<wire::ErrorCode::type> CodeOfBegin(Client& client) {
    try {
      wire::BeginRequest request;
      request.owner = "shop";
      client.Begin(request);
      return std::nullopt;
    } catch (const wire::ServiceError& error) {
      return error.code;
    }
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "access.json";
  inline static const std::string kApplication = R"({"who": "local", "roles": ["application"]})";
  inline static const std::string kReader = R"({"who": "local", "roles": ["operator-read"]})";
};

TEST_F(AccessOfADaemon, RulesAreReadAgainWhenTheFileChanges) {
  Write(kApplication);
  Settled settled(directory_, Options());
  Client client(settled.AwaitPort());
  EXPECT_EQ(CodeOfBegin(client), std::nullopt);
  Write(kReader);
  ASSERT_TRUE(settled.AwaitSaid("was read again"));
  EXPECT_EQ(CodeOfBegin(client), wire::ErrorCode::DENIED) << "on the connection that is open";
  EXPECT_TRUE(settled.AwaitSaid("denied coordinator.begin_transaction to 127.0.0.1:"));
}

TEST_F(AccessOfADaemon, SighupReadsTheRulesAgainAndDoesNotEndTheDaemon) {
  Write(kApplication);
  Settled settled(directory_, Options());
  Client client(settled.AwaitPort());
  settled.Signal(SIGHUP);
  ASSERT_TRUE(settled.AwaitSaid("was read again")) << "although it has not changed";
  EXPECT_EQ(CodeOfBegin(client), std::nullopt);
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
}

TEST_F(AccessOfADaemon, AWrongFileStopsTheStartAndLaterChangesNothing) {
  Write(R"({"who": "local", "roles": ["aplication"]})");
  {
    Settled settled(directory_, Options());
    EXPECT_EQ(settled.ExitCode(), 64);
    EXPECT_THAT(settled.Said(), HasSubstr(path_ + ": /rules/0/roles/0 must be one of"));
  }
  Write(kApplication);
  Settled settled(directory_, Options());
  Client client(settled.AwaitPort());
  Write(R"({"who": "local", "roles": ["operator-read"], "resouces": []})");
  ASSERT_TRUE(settled.AwaitSaid("/rules/0/resouces is not known here"));
  EXPECT_THAT(settled.Said(), HasSubstr("the rules that were read before hold on"));
  EXPECT_EQ(CodeOfBegin(client), std::nullopt);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  ASSERT_TRUE(settled.AwaitSaid("it cannot be opened"));
  EXPECT_EQ(CodeOfBegin(client), std::nullopt);
}

TEST_F(AccessOfADaemon, WithoutAFileAHangupChangesNothing) {
  Settled settled(directory_, OptionsIn(directory_, {"--drain-timeout", "0s"}));
  Client client(settled.AwaitPort());
  settled.Signal(SIGHUP);
  EXPECT_EQ(CodeOfBegin(client), std::nullopt);
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
}

// A transaction of before is whose it was, after the coordinator's restart too.
TEST_F(AccessOfADaemon, ATransactionBelongsToTheSameIdentityInTheNextLife) {
  std::string gtid;
  {
    Write(kApplication);
    Settled settled(directory_, Options());
    Client client(settled.AwaitPort());
    wire::BeginRequest request;
    request.owner = "shop";
    gtid = client.Begin(request);
    settled.Signal(SIGKILL);
    EXPECT_EQ(settled.ExitCode(), std::nullopt);
  }
  ASSERT_EQ(::unlink((directory_ / "ready").c_str()), 0);
  Settled settled(directory_, Options());
  Client client(settled.AwaitPort());
  wire::Ending ending;
  client->outcome(ending, gtid);
  EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
  const std::string forged = gtid.substr(0, gtid.rfind('.') + 1) + "00000000";
  try {
    client->outcome(ending, forged);
    ADD_FAILURE() << "was answered";
  } catch (const wire::ServiceError& error) {
    EXPECT_EQ(error.code, wire::ErrorCode::DENIED);
  }
}

TEST_F(AccessOfADaemon, X02_CertificatesAreToldApartByTheirNames) {
  const Authority authority(directory_);
  const channel::TlsFiles own = authority.Issue("coordinator");
  Write(R"({"who": "cn:shop", "roles": ["application"]},
           {"who": "dns:other.example", "roles": ["application", "operator-read"]})");
  Settled settled(directory_,
                  OptionsIn(directory_, {"--access", path_, "--tls-certificate", own.certificate,
                                         "--tls-key", own.key, "--tls-ca", own.ca}));
  const int port = settled.AwaitPort();
  const auto dial_as = [&](const std::string& name, const CertificateWish& wish = {}) {
    const channel::TlsFiles files = authority.Issue(name, wish);
    apache::thrift::transport::TSSLSocketFactory factory;
    factory.loadCertificate(files.certificate.c_str());
    factory.loadPrivateKey(files.key.c_str());
    factory.loadTrustedCertificates(files.ca.c_str());
    factory.authenticate(true);
    return Client(factory.createSocket("127.0.0.1", port));
  };
  Client shop = dial_as("shop");
  Client other = dial_as("other", {.alternatives = "DNS:other.example"});
  Client stranger = dial_as("stranger");
  EXPECT_EQ(CodeOfBegin(shop), std::nullopt);
  EXPECT_EQ(CodeOfBegin(stranger), wire::ErrorCode::DENIED) << "of the same authority";
  wire::BeginRequest request;
  request.owner = "shop";
  const std::string gtid = shop.Begin(request);
  try {
    other.OutcomeOf(gtid);
    ADD_FAILURE() << "was answered";
  } catch (const wire::ServiceError& error) {
    EXPECT_EQ(error.code, wire::ErrorCode::DENIED);
    EXPECT_THAT(error.message, HasSubstr("none that dns:other.example began"));
  }
  EXPECT_EQ(shop.OutcomeOf(gtid).outcome, wire::Outcome::UNDECIDED);
  Client again = dial_as("shop");
  EXPECT_EQ(again.OutcomeOf(gtid).outcome, wire::Outcome::UNDECIDED) << "on another connection";
}

// A daemon at a Unix socket, and users of this machine that dial it. Only root can become others.
class AccessByUser : public AccessOfADaemon {
 protected:
  static constexpr uid_t kShop = 4711;
  static constexpr uid_t kOther = 4712;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0710), 0);  // for the group, which stays root's
  }
  std::vector<std::string> OptionsAtSocket(const std::vector<std::string>& more) {
    std::vector<std::string> options{"--log",        directory_ / "settle.db",
                                     "--listen",     "unix:" + socket_,
                                     "--ready-file", directory_ / "ready"};
    options.insert(options.end(), more.begin(), more.end());
    return options;
  }
  // The kernel notes who connects: a thread that is `user` for good, and nothing else of the
  // process (setresuid(2) is a thread's own, but for what the C library makes of it).
  Client DialAs(uid_t user) {
    std::optional<Client> client;
    std::thread([&] {
      ASSERT_EQ(::syscall(SYS_setresuid, user, user, user), 0);
      client.emplace(std::make_shared<apache::thrift::transport::TSocket>(socket_));
    }).join();
    return std::move(client).value();
  }

  const std::string socket_ = directory_ / "s.sock";
};

TEST_F(AccessByUser, X02_UsersAreToldApartByTheKernelAndTheirTransactionsToo) {
  Write(R"({"who": "uid:4711", "roles": ["application"]},
           {"who": "uid:4712", "roles": ["application"]})");
  Settled settled(directory_, OptionsAtSocket({"--access", path_}));
  ASSERT_EQ(settled.AwaitAddress().rfind("unix:", 0), 0U);
  Client shop = DialAs(kShop);
  Client other = DialAs(kOther);
  Client root = DialAs(0);
  wire::BeginRequest request;
  request.owner = "shop";
  const std::string gtid = shop.Begin(request);
  const auto code_of = [&](Client& client) -> std::optional<wire::ErrorCode::type> {
    try {
      client.OutcomeOf(gtid);
      return std::nullopt;
    } catch (const wire::ServiceError& error) {
      return error.code;
    }
  };
  EXPECT_EQ(code_of(other), wire::ErrorCode::DENIED);
  EXPECT_EQ(code_of(root), wire::ErrorCode::DENIED) << "no rule is about root";
  EXPECT_EQ(code_of(shop), std::nullopt);
  EXPECT_TRUE(settled.AwaitSaid("to uid 4712 (pid " + std::to_string(::getpid()) + ")"));
}

TEST_F(AccessByUser, WithoutRulesTheDaemonsUserMayEverythingAndOthersNothing) {
  Settled settled(directory_, OptionsAtSocket({}));
  settled.AwaitAddress();
  Client root = DialAs(0);
  Client other = DialAs(kOther);
  EXPECT_EQ(CodeOfBegin(root), std::nullopt);
  EXPECT_EQ(CodeOfBegin(other), wire::ErrorCode::DENIED);
}

}  // namespace
}  // namespace settle::testing
