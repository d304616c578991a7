// Three-phase commit with processes that are killed: three sites, each a process of its own (two
// PostgreSQL databases, one SQLite file), and a coordinator that dies at every step and never comes
// back.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "end_to_end/agent.h"
#include "end_to_end/fixture.h"
#include "support/certificates.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A majority that can be reached has ended a transaction so long after its coordinator died; with
// the default patience (PeerOptions) and the random delays that follow it.
constexpr std::chrono::seconds kBound{15};
constexpr const char* kAnyPort = "127.0.0.1:0";

// One that no other test listens on at the same time.
std::string OwnAddress() {
  const int id = ::getpid();
  return "127.77." + std::to_string(id / 256 % 256) + "." + std::to_string(id % 256) + ":7421";
}

// Where the coordinator dies. Its first record of a transaction is that a pre-commit may have been
// sent, its second that it commits.
struct Moment {
  const char* name;
  const char* failpoint;
  const char* outcome;  // that the sites must come to; empty: any, but one
};
std::ostream& operator<<(std::ostream& out, const Moment& moment) { return out << moment.name; }

// No site that can be reached accepted commit, or a majority of all did: else it depends on which
// majority meets.
constexpr Moment kFirstVote{"BeforeAnyVoteCounts", "engine.vote", "aborted"};
constexpr Moment kAllVoted{"BeforeThePreCommitRecord", "engine.before_decision", "aborted"};
constexpr Moment kRecorded{"BeforeAnyPreCommitIsSent", "engine.decided", "aborted"};
constexpr Moment kOneAccepted{"AfterOneSiteAccepted", "engine.site_answered", ""};
constexpr Moment kMajority{"BeforeTheCommitRecord", "engine.before_decision:2", "committed"};
constexpr Moment kDecided{"BeforeAnyCommitIsTold", "engine.decided:2", "committed"};
constexpr Moment kOneFinished{"AfterASiteHasFinished", "engine.acknowledged", "committed"};

std::string NameOfMoment(const ::testing::TestParamInfo<Moment>& info) { return info.param.name; }

class Sites : public EndToEnd {
 protected:
  explicit Sites(Kinds kinds) : EndToEnd(kinds) {
    for (const char bank : kinds.c ? std::string("abc") : std::string("ab")) {
      if (world_.bank(bank).kind() != Kind::kPostgres) continue;
      const CliAnswer installed = RunCli("127.0.0.1:1",  // no coordinator is asked
                                         {"barrier", "install", "--dsn", world_.bank(bank).Dsn()});
      if (installed.code != 0) throw std::runtime_error(installed.out + installed.err);
    }
  }

  Application& Site(char bank) {
    return world_.Start({.banks = std::string(1, bank), .peers = kAnyPort});
  }
  Agent& AgentOf(char bank, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--peer-listen", kAnyPort});
    return *agents_.emplace_back(std::make_unique<Agent>(world_, bank, std::move(more)));
  }

  bool IsQuietIn(const std::string& banks) {
    return std::all_of(banks.begin(), banks.end(), [this](char bank) {
      return world_.bank(bank).Prepared().empty() && world_.bank(bank).Writable();
    });
  }
  // Waits until nothing is prepared or locked in these banks, and says how long it took.
  bool AwaitQuietIn(const std::string& banks, std::chrono::milliseconds bound = kBound) {
    const auto start = std::chrono::steady_clock::now();
    const bool quiet = WaitUntil([&] { return IsQuietIn(banks); }, bound);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    std::cout << "    " << (quiet ? "nothing prepared or locked in " : "NOT FREE: ") << banks
              << " after " << took.count() << " ms: " << OutcomeIn(banks) << std::endl;
    return quiet;
  }
  // What these banks, which are quiet, say became of the transaction.
  std::string OutcomeIn(const std::string& banks) {
    std::size_t present = 0;
    for (const char bank : banks) present += world_.bank(bank).Transfers().count(gtid_);
    return present == banks.size() ? "committed" : present == 0 ? "aborted" : "split";
  }
  // PostgreSQL's own list of locks that nobody's session holds.
  std::string OrphanLocks(char bank) {
    return world_.bank(bank).Value("SELECT count(*) FROM pg_locks WHERE pid IS NULL");
  }

  void TearDown() override {
    if (HasFailure()) {
      for (const auto& agent : agents_) std::cerr << "--- an agent\n" << agent->Said();
    }
    EndToEnd::TearDown();
  }

  std::vector<std::unique_ptr<Agent>> agents_;
  std::string gtid_;
};

class ThreeSites : public Sites {
 protected:
  ThreeSites() : Sites(kThreeBanks) {}

  // A transfer among three processes, whose commit brings the coordinator to its end.
  void CommitUntil(const Moment& moment, Fault fault = Fault::kDies) {
    world_.StartDaemonToDieAt(moment.failpoint, fault);
    a_ = &Site('a');
    b_ = &Site('b');
    c_ = &Site('c');
    gtid_ = world_.MoveTogether(*a_, *b_, *c_);
    a_->Send("commit");
    ASSERT_TRUE(fault == Fault::kDies ? world_.daemon().AwaitFailpoint()
                                      : world_.daemon().AwaitFrozen())
        << "it never came to " << moment.failpoint;
  }
  void ExpectOutcome(const Moment& moment) {
    const std::string outcome = OutcomeIn("abc");
    EXPECT_NE(outcome, "split");
    if (*moment.outcome != '\0') {
      EXPECT_EQ(outcome, moment.outcome);
    }
    EXPECT_EQ(OrphanLocks('a'), "0");
    EXPECT_EQ(OrphanLocks('b'), "0");
  }
  // Whom the program asked: it may not know, but it is never told the opposite.
  void ExpectNoLie() { EXPECT_THAT(FirstWord(a_->Answer()), AnyOf("unknown", OutcomeIn("abc"))); }
  // The coordinator that was given up comes back: it learns, records and shows what was decided.
  void ExpectTheCoordinatorLearnsIt() {
    const std::string outcome = OutcomeIn("abc");
    EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == outcome; }))
        << "shown: " << world_.Cli({"show", gtid_}).out;
    EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
    EXPECT_EQ(OutcomeIn("abc"), outcome);
    if (outcome != "committed") return;  // what may never have been recorded has no story
    const CliAnswer shown = world_.Cli({"show", gtid_});
    EXPECT_GE(shown.json["quorum"]["quorum"].size(), 2u) << shown.out;
    EXPECT_FALSE(shown.json["quorum"]["ballot"].get<std::string>().empty()) << shown.out;
    std::cout << "    the coordinator, back: ballot " << shown.json["quorum"]["ballot"] << " of "
              << shown.json["quorum"]["leader"] << ", the quorum " << shown.json["quorum"]["quorum"]
              << std::endl;
  }

  Application* a_ = nullptr;
  Application* b_ = nullptr;
  Application* c_ = nullptr;
};

const auto kEveryMoment = ::testing::Values(kFirstVote, kAllVoted, kRecorded, kOneAccepted,
                                            kMajority, kDecided, kOneFinished);

class CoordinatorGoneForGood : public ThreeSites, public ::testing::WithParamInterface<Moment> {};

TEST_P(CoordinatorGoneForGood, M10_TheSitesEndItAmongThemselves) {
  CommitUntil(GetParam());
  EXPECT_TRUE(AwaitQuietIn("abc"));
  ExpectOutcome(GetParam());
  ExpectNoLie();
  world_.daemon().Start();
  ExpectTheCoordinatorLearnsIt();
}

TEST_P(CoordinatorGoneForGood, M10_OneSiteGoneToo_TheOthersEndItAndItFollowsWhenItsAgentComes) {
  CommitUntil(GetParam());
  ASSERT_TRUE(b_->process().running());
  b_->Kill();
  EXPECT_TRUE(AwaitQuietIn("ac"));
  const std::string outcome = OutcomeIn("ac");
  EXPECT_NE(outcome, "split");
  AgentOf('b');
  EXPECT_TRUE(AwaitQuietIn("b"));
  EXPECT_EQ(OutcomeIn("abc"), outcome);
  ExpectOutcome(GetParam());
  ExpectNoLie();
  world_.daemon().Start();
  ExpectTheCoordinatorLearnsIt();
}

INSTANTIATE_TEST_SUITE_P(Faults, CoordinatorGoneForGood, kEveryMoment, NameOfMoment);

using CoordinatorAndTwoSitesGone = CoordinatorGoneForGood;

TEST_P(CoordinatorAndTwoSitesGone, M10_TheLastOneWaitsAndSaysForWhom_UntilOneReturns) {
  CommitUntil(GetParam());
  b_->Kill();
  c_->Kill();
  ASSERT_EQ(world_.PreparedBranches(), 3u);
  const auto says = [this](const std::string& words) {
    return WaitUntil([&] { return a_->process().Errors().find(words) != std::string::npos; });
  };
  EXPECT_TRUE(
      says("waits until 2 of its 3 sites can be reached; reached: site 1 (a); not "
           "reached: site 2 (b)"))
      << a_->process().Errors();
  EXPECT_TRUE(says("site 3 (c)"));
  EXPECT_EQ(world_.PreparedBranches(), 3u) << "one of three decides nothing";
  EXPECT_FALSE(world_.bank('a').Writable());

  Application& back = Site('c');
  EXPECT_TRUE(AwaitQuietIn("ac"));
  EXPECT_EQ(world_.bank('b').Prepared().size(), 1u) << "nobody serves it";
  AgentOf('b');
  EXPECT_TRUE(AwaitQuietIn("b"));
  ExpectOutcome(GetParam());
  ExpectNoLie();
  world_.daemon().Start();
  ExpectTheCoordinatorLearnsIt();
  EXPECT_TRUE(back.process().running());
}

INSTANTIATE_TEST_SUITE_P(Faults, CoordinatorAndTwoSitesGone,
                         ::testing::Values(kAllVoted, kRecorded, kMajority, kDecided),
                         NameOfMoment);

using EveryProcessGone = ThreeSites;

TEST_F(EveryProcessGone, M10_AgentsEndItWithoutAnyApplicationOrCoordinator) {
  CommitUntil(kMajority);
  for (Application* site : {a_, b_, c_}) site->Kill();
  ASSERT_EQ(world_.PreparedBranches(), 3u);
  Agent& first = AgentOf('a');
  EXPECT_TRUE(
      first.AwaitLine("a: the coordinator at " + world_.daemon().address() + " cannot be reached"));
  EXPECT_TRUE(first.AwaitLine("waits until 2 of its 3 sites can be reached; reached: site 1 (a)"))
      << first.Said();
  EXPECT_EQ(world_.PreparedBranches(), 3u);
  // At an address that nobody knew when it was prepared: where an agent is told to look.
  const std::string address = OwnAddress();
  agents_.push_back(
      std::make_unique<Agent>(world_, 'b', std::vector<std::string>{"--peer-listen", address}));
  AgentOf('c', {"--peers", "b=" + address});
  EXPECT_TRUE(AwaitQuietIn("bc")) << agents_[1]->Said() << agents_[2]->Said();
  AgentOf('a', {"--peers", "b=" + address});
  EXPECT_TRUE(AwaitQuietIn("abc"));
  ExpectOutcome(kMajority);
  world_.daemon().Start();
  ExpectTheCoordinatorLearnsIt();
}

// Everybody speaks TLS, both ways: the coordinator, its command, and the sites among themselves.
class SitesOverTls : public ThreeSites {
 protected:
  SitesOverTls() {
    const channel::TlsFiles daemon = authority_.Issue("coordinator");
    const std::string rules = folder_ / "rules.json";
    std::ofstream(rules) << R"({"rules": [{"who": "cn:shop", "resources": ["a", "b", "c"],)"
                         << R"( "roles": ["application", "participant", "admin"]}]})";
    std::filesystem::permissions(rules, std::filesystem::perms(0600));
    world_.daemon().options = {"--tls-ca",  daemon.ca,  "--tls-certificate", daemon.certificate,
                               "--tls-key", daemon.key, "--access",          rules};
    Become(authority_);
  }
  // What is started from now on is the shop, as that authority says.
  static void Become(const Authority& authority) {
    const std::string own = OwnAddress().substr(0, OwnAddress().find(':'));
    const channel::TlsFiles shop =
        authority.Issue("shop", {.alternatives = "DNS:localhost,IP:127.0.0.1,IP:" + own});
    ::setenv("SETTLE_TLS_CA", shop.ca.c_str(), 1);
    ::setenv("SETTLE_TLS_CERTIFICATE", shop.certificate.c_str(), 1);
    ::setenv("SETTLE_TLS_KEY", shop.key.c_str(), 1);
  }
  static void BecomeNobody() {
    for (const char* name : {"SETTLE_TLS_CA", "SETTLE_TLS_CERTIFICATE", "SETTLE_TLS_KEY"})
      ::unsetenv(name);
  }
  void TearDown() override {
    ThreeSites::TearDown();
    BecomeNobody();
  }

  const TemporaryDirectory folder_;
  const TemporaryDirectory others_folder_;
  const Authority authority_{folder_};
  const Authority others_{others_folder_};
};

TEST_F(SitesOverTls, M10_TheCoordinatorGoneForGood_TheSitesEndIt) {
  CommitUntil(kMajority);
  EXPECT_TRUE(AwaitQuietIn("abc"));
  ExpectOutcome(kMajority);
  ExpectNoLie();
  world_.daemon().Start();
  BecomeNobody();
  EXPECT_NE(RunCli(world_.daemon().address(), {"status"}).code, 0) << "it takes plain text";
  Become(authority_);
  ExpectTheCoordinatorLearnsIt();
}

TEST_F(SitesOverTls, M10_ASiteThatAnotherAuthorityVouchesForIsNoneOfTheMajority) {
  CommitUntil(kMajority);
  b_->Kill();
  c_->Kill();
  a_->Kill();
  const std::string address = OwnAddress();  // where the others look for it, whoever listens there
  Become(others_);
  agents_.push_back(
      std::make_unique<Agent>(world_, 'b', std::vector<std::string>{"--peer-listen", address}));
  Become(authority_);
  Agent& last = AgentOf('a', {"--peers", "b=" + address});
  EXPECT_TRUE(last.AwaitLine("waits until 2 of its 3 sites can be reached; reached: site 1 (a)"))
      << last.Said();
  EXPECT_EQ(world_.PreparedBranches(), 3u) << "one of three decides nothing";
  AgentOf('c', {"--peers", "b=" + address});
  agents_.front()->Stop();
  agents_.push_back(
      std::make_unique<Agent>(world_, 'b', std::vector<std::string>{"--peer-listen", address}));
  EXPECT_TRUE(AwaitQuietIn("abc", 3 * kBound)) << agents_.back()->Said() << last.Said();
  ExpectOutcome(kMajority);
}

class SlowCoordinator : public ThreeSites, public ::testing::WithParamInterface<Moment> {};

TEST_P(SlowCoordinator, M11_ItIsTakenForDead_GoesOnLater_AndAgrees) {
  CommitUntil(GetParam(), Fault::kFreezes);
  EXPECT_TRUE(AwaitQuietIn("abc", 3 * kBound))
      << "a frozen process is noticed later than a dead one";
  ExpectOutcome(GetParam());
  world_.daemon().process().Signal(SIGCONT);
  ExpectTheCoordinatorLearnsIt();
  EXPECT_EQ(FirstWord(a_->Answer()), OutcomeIn("abc"));
}

INSTANTIATE_TEST_SUITE_P(Faults, SlowCoordinator,
                         ::testing::Values(kAllVoted, kRecorded, kOneAccepted, kMajority, kDecided),
                         NameOfMoment);

// Two branches, and the coordinator's witness as the third site.
class TwoSites : public Sites {
 protected:
  TwoSites() : Sites(kMixed) {}
};

TEST_F(TwoSites, M10_OneSiteGoneAfterItsVote_TheOtherAndTheWitnessEndIt) {
  world_.daemon().Start();
  Application& shop = Site('a');
  Application& service =
      world_.Start({.banks = "b", .failpoint = "participant.before_accept", .peers = kAnyPort});
  gtid_ = world_.MoveTogether(shop, service);
  shop.Send("commit decision");
  ASSERT_TRUE(service.AwaitFailpoint());
  EXPECT_THAT(shop.Answer(), StartsWith("committed"));
  EXPECT_TRUE(AwaitQuietIn("a"));
  EXPECT_EQ(world_.bank('b').Prepared().size(), 1u);
  Site('b');
  EXPECT_TRUE(AwaitQuietIn("ab"));
  EXPECT_EQ(OutcomeIn("ab"), "committed");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(TwoSites, M10_TheCoordinatorGoneForGood_TheTwoEndIt) {
  world_.StartDaemonToDieAt("engine.before_decision:2");
  Application& shop = Site('a');
  Application& service = Site('b');
  gtid_ = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  EXPECT_TRUE(AwaitQuietIn("ab"));
  EXPECT_EQ(OutcomeIn("ab"), "committed") << "one of them had accepted, beside the witness";
  world_.daemon().Start();
  EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == "committed"; }));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(TwoSites, M10_TheCoordinatorAndOneSiteGone_TheOtherWaitsAndSaysForWhom_UntilItIsBack) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = Site('a');
  Application& service = Site('b');
  gtid_ = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  service.Kill();
  EXPECT_TRUE(WaitUntil([&] {
    return shop.process().Errors().find("not reached: the coordinator's witness") !=
           std::string::npos;
  })) << shop.process().Errors();
  EXPECT_EQ(world_.PreparedBranches(), 2u);
  world_.daemon().Start();
  EXPECT_TRUE(AwaitQuietIn("a", 3 * kBound)) << "the witness and it are two of three";
  Site('b');
  EXPECT_TRUE(AwaitQuietIn("ab"));
  EXPECT_NE(OutcomeIn("ab"), "split");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

}  // namespace
}  // namespace settle::testing
