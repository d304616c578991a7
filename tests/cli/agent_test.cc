// What `settle agent` refuses before it speaks to a coordinator, and what it says of branches that
// it cannot finish.
#include <fstream>

#include "cli/admin_client.h"
#include "cli/agent_errand.h"
#include "cli/agent_peers.h"
#include "cli/arguments.h"
#include "cli/watched_resource.h"
#include "settle/sqlite_resource.h"
#include "support/temporary_directory.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SettleAgent : public Verbs {
 protected:
  std::string FileWith(const std::string& contents) {
    std::ofstream(directory_ / "file.db") << contents;
    return directory_ / "file.db";
  }
  Printed Serve(const std::string& file) {
    return Run({"agent", "--resource", "stock", "--sqlite", file, "--once"});
  }

  const settle::testing::TemporaryDirectory directory_;
};

TEST_F(SettleAgent, RefusesAnEmptyFileAndLeavesItEmpty) {
  const std::string file = FileWith("");
  const Printed printed = Serve(file);
  EXPECT_EQ(printed.exit, ExitCode::kUsage) << printed.out << printed.err;
  EXPECT_THAT(printed.err, HasSubstr("was never a resource"));
  EXPECT_EQ(std::ifstream(file).peek(), std::char_traits<char>::eof());
}

TEST_F(SettleAgent, CallsAFileThatIsNoDatabaseAWrongCommandLine) {
  const Printed printed = Serve(FileWith(std::string(5000, 'x')));
  EXPECT_EQ(printed.exit, ExitCode::kUsage) << printed.out << printed.err;
  EXPECT_THAT(printed.err, HasSubstr("is not a SQLite database"));
}

TEST_F(SettleAgent, ExitsWith70WhenALineCannotBeWritten) {
  const std::string file = FileWith("");
  ASSERT_TRUE(SqliteResource::Make({.name = "stock", .path = file})->Identify());
  const std::vector<std::string> words{"agent", "--resource", "stock",     "--sqlite",
                                       file,    "--once",     "--timeout", "100ms"};
  const std::string nobody = "127.0.0.1:1";
  const auto print = [](const std::string&) { return false; };
  EXPECT_EQ(cli::Run(words, {.default_address = nobody}).exit, ExitCode::kInDoubt);
  EXPECT_EQ(cli::Run(words, {.default_address = nobody, .print = print}).exit, ExitCode::kInternal);
}

TEST_F(SettleAgent, TheDatabaseOfAnAgentAnswersOperatorsAsThatOfAnApplication) {
  const auto stock = SqliteResource::Make({.name = "stock", .path = FileWith("")});
  WatchedResource watched(stock, [](const std::string&, const Gtid&, const std::string&) {});
  ASSERT_TRUE(watched.Identify());
  const std::string log_id = "k3m9qxw4c7ab";
  const BranchKey branch{Gtid::Make(log_id, 2, 1842, 0x9f3c2a51), 1};
  EXPECT_TRUE(watched.Inspect(branch, {}, 5s));
  EXPECT_TRUE(watched.Examine(log_id, 5s));
  EXPECT_EQ(watched.warnings(), stock->warnings());
}

TEST(SettleAgentPeers, AreGivenByTheirResourcesNames) {
  const auto peers =
      PeersGiven({{},
                  {{"peer-listen", "127.0.0.1:7421"},
                   {"peer-advertise", "10.0.0.6:7421"},
                   {"peers", "bank=10.0.0.7:7421,orders=[fd00::8]:7421,bank=10.0.0.9:7421"},
                   {"peer-patience", "500ms"},
                   {"insecure", ""}}});
  ASSERT_TRUE(peers) << Describe(peers.error());
  EXPECT_EQ(peers->listen, "127.0.0.1:7421");
  EXPECT_EQ(peers->advertise, "10.0.0.6:7421");
  EXPECT_TRUE(peers->insecure);
  EXPECT_EQ(peers->patience, std::chrono::milliseconds(500));
  const std::vector<std::string> bank{"10.0.0.7:7421", "10.0.0.9:7421"};
  EXPECT_EQ(peers->known.at("bank"), bank);
  EXPECT_EQ(peers->known.at("orders"), std::vector<std::string>{"[fd00::8]:7421"});
}

TEST(SettleAgentPeers, WithoutAnAddressToListenOnThereAreNone) {
  const auto none = PeersGiven({});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->listen, "");
  for (const char* option : {"peer-advertise", "peers", "peer-patience", "insecure"}) {
    const auto refused = PeersGiven({{}, {{option, "x"}}});
    ASSERT_FALSE(refused) << option;
    EXPECT_EQ(refused.error().message,
              std::string("--") + option + " is of no use without --peer-listen HOST:PORT");
  }
}

TEST(SettleAgentPeers, AreRefusedByNameWhenTheyMakeNoSense) {
  const auto refusal = [](const std::string& option, const std::string& value) {
    const auto peers = PeersGiven({{}, {{"peer-listen", "127.0.0.1:0"}, {option, value}}});
    return peers ? "taken" : peers.error().message;
  };
  EXPECT_EQ(refusal("peers", "10.0.0.7:7421"), "--peers: \"10.0.0.7:7421\" is not NAME=HOST:PORT");
  EXPECT_EQ(refusal("peers", "bank=10.0.0.7:7421,"), "--peers: \"\" is not NAME=HOST:PORT");
  EXPECT_THAT(refusal("peers", "bank=here"), HasSubstr("\"here\" is not HOST:PORT"));
  EXPECT_THAT(refusal("peers", "a b=10.0.0.7:7421"), HasSubstr("a b"));
  EXPECT_THAT(refusal("peer-patience", "long"), HasSubstr("\"long\""));
  EXPECT_THAT(refusal("once", ""), HasSubstr("--once asks the coordinator"));
}

// A database that holds what it is told to, and never finishes anything.
class Holding : public Resource {
 public:
  Holding(std::string name, std::vector<std::string> prepared)
      : name_(std::move(name)), prepared_(std::move(prepared)) {}

  const std::string& name() const override { return name_; }
  Result<std::string> Identify() override { return std::string("holding"); }
  FinishResult Finish(const BranchKey&, Decision, const Evidence&) override { return {}; }
  Result<std::vector<std::string>> ScanPrepared() override { return prepared_; }

 private:
  const std::string name_;
  const std::vector<std::string> prepared_;
};

class SettleAgentErrand : public SettleAgent {
 protected:
  std::string WhyLeft(const std::string& resource) {
    const std::string branch = std::string("settle:") + kGtid + ":2";
    Holding database(resource, {branch});
    AdminClient client(*ParseAddress(coordinator_.address()), std::chrono::seconds(5));
    Errand errand(client, database);
    EXPECT_FALSE(errand.Look());
    errand.Explain();
    EXPECT_EQ(errand.left().size(), 1u);
    return errand.left().at(branch);
  }
};

TEST_F(SettleAgentErrand, SaysUnderWhichNameADecidedBranchWasEnlisted) {
  admin_.transaction = Committing();
  admin_.in_doubt_reply.transactions = {Committing()};
  EXPECT_EQ(WhyLeft("bank-bb"),
            "prepared; its transaction is committing, its outcome committed; the branch was "
            "enlisted under the resource name bank-b, not bank-bb");
  EXPECT_EQ(WhyLeft("bank-b"), "committing: connection refused");
}

TEST_F(SettleAgentErrand, SaysWhatTheCoordinatorKnowsOfABranchThatItHasNotInDoubt) {
  admin_.transaction = Committing();
  admin_.transaction.state = "preparing";
  admin_.transaction.ending.outcome = wire::Outcome::UNDECIDED;
  admin_.transaction.branches[1].state = "prepared";
  EXPECT_EQ(WhyLeft("bank-b"),
            "prepared, and its transaction is not decided (preparing); the branch is prepared for "
            "the coordinator");
  admin_.transaction.branches.clear();
  EXPECT_THAT(WhyLeft("bank-b"), HasSubstr("the coordinator has no record of the branch"));
}

TEST_F(SettleAgentErrand, SaysOnlyWhatIsKnownWhenTheCoordinatorCannotTell) {
  admin_.before_answer = [this](std::size_t nth) {
    if (nth == 1) return;
    admin_.error.emplace();
    admin_.error->code = wire::ErrorCode::WRONG_LOG;
    admin_.error->message = "another log";
  };
  EXPECT_THAT(
      WhyLeft("bank-b"),
      StartsWith("prepared; nothing is in doubt for it under the name bank-b: another log"));
}

}  // namespace
}  // namespace settle::cli
