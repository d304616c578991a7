// The rules of --access, in front of a real daemon.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdio>

#include "settled_process.h"
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
  std::vector<std::string> Options() { return OptionsIn(directory_, {"--access", path_}); }

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
  Settled settled(directory_, OptionsIn(directory_));
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

}  // namespace
}  // namespace settle::testing
