// A network in earnest: the daemon and a participant in network namespaces of their own, whose link
// goes down, or swallows what is sent one way without telling anybody.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "end_to_end/fixture.h"
#include "support/child_process.h"

namespace settle::testing {
namespace {

using ::testing::IsEmpty;

constexpr char kDaemonsSide[] = "10.77.0.1";
constexpr char kServicesSide[] = "10.77.0.2";

// The network of this test, and of what it starts, is its own from now on; and there is another,
// reached by one link.
class TwoNetworks {
 public:
  // Why there can be none here; empty: there can.
  static std::string WhyNot() {
    if (::geteuid() != 0) return "network namespaces are made by root, and this is not root";
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::unshare(CLONE_NEWNET) == 0 ? 0 : 1);
    if (AwaitProcess(child) != 0) return "this process may make no network namespaces";
    for (const char* ip : {"/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"}) {
      if (::access(ip, X_OK) == 0) return "";
    }
    return "there is no ip (Debian: iproute2)";
  }

  TwoNetworks() {
    Unshare();
    here_ = Namespace();
    Unshare();
    there_ = Namespace();
    // Somebody must live there for a link to be led to.
    lodger_ = ::fork();
    if (lodger_ == 0) {
      ::pause();
      ::_exit(0);
    }
    Ip("link set lo up");
    Enter(here_);
    Ip("link set lo up");
    Ip("link add near type veth peer name far netns " + std::to_string(lodger_));
    Ip(std::string("addr add ") + kDaemonsSide + "/24 dev near");
    Ip("link set near up");
    There([] {
      Ip(std::string("addr add ") + kServicesSide + "/24 dev far");
      Ip("link set far up");
    });
  }
  ~TwoNetworks() {
    ::kill(lodger_, SIGKILL);
    AwaitProcess(lodger_);
    ::close(here_);
    ::close(there_);
  }
  TwoNetworks(const TwoNetworks&) = delete;
  TwoNetworks& operator=(const TwoNetworks&) = delete;

  // Does it in the other network; programs that are started there stay there.
  template <typename Act>
  void There(const Act& act) const {
    Enter(there_);
    act();
    Enter(here_);
  }

  void TakeDown() const { Ip("link set near down"); }
  // Frames that way are sent to a card that nobody has.
  void SwallowTowardTheService() const {
    Ip(std::string("neigh replace ") + kServicesSide + " lladdr 02:00:00:00:00:99 dev near");
  }
  void SwallowTowardTheDaemon() const {
    There([] {
      Ip(std::string("neigh replace ") + kDaemonsSide + " lladdr 02:00:00:00:00:99 dev far");
    });
  }
  void Mend() const {
    Ip("link set near up");
    Ip("neigh flush dev near nud permanent");
    There([] { Ip("neigh flush dev far nud permanent"); });
  }

 private:
  static void Unshare() {
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("no network namespace");
  }
  static int Namespace() { return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }
  static void Enter(int network) {
    if (::setns(network, CLONE_NEWNET) != 0) throw std::runtime_error("the namespace is gone");
  }
  static void Ip(const std::string& words) {
    Launch launch;
    launch.arguments = {"ip"};
    std::istringstream split(words);
    for (std::string word; split >> word;) launch.arguments.push_back(word);
    if (AwaitProcess(StartProcess(launch)) != 0) throw std::runtime_error("ip " + words);
  }

  int here_ = -1;
  int there_ = -1;
  pid_t lodger_ = -1;
};

enum class Ways { kTowardTheDaemon, kTowardTheService, kBoth };
struct Phase {
  const char* name;
  const char* failpoint;  // where the service is held meanwhile; empty: before the prepare
  const char* outcome;
};

class Network : public ::testing::TestWithParam<std::tuple<Phase, Ways>> {
 protected:
  void SetUp() override {
    if (const std::string why = TwoNetworks::WhyNot(); !why.empty()) GTEST_SKIP() << why;
    networks_.emplace();
    world_.emplace(kBothSqlite);
    world_->daemon().options = {"--session-timeout", "1s",       "--vote-timeout", "1s",
                                "--insecure",        "--listen", kEverybodys,      "--listen",
                                "127.0.0.1:7420"};
    world_->daemon().Start();
  }
  void TearDown() override {
    if (HasFailure() && world_) std::cerr << world_->Said();
  }

  void Break(Ways ways) const {
    switch (ways) {
      case Ways::kTowardTheDaemon: return networks_->SwallowTowardTheDaemon();
      case Ways::kTowardTheService: return networks_->SwallowTowardTheService();
      case Ways::kBoth: return networks_->TakeDown();
    }
  }
  bool HasSession(const std::string& bank) {
    const CliAnswer listed = world_->Cli({"participants"});
    if (listed.code != 0) return false;
    for (const auto& participant : listed.json["participants"]) {
      if (participant["resource"] == bank) return !participant["sessions"].empty();
    }
    return false;
  }

  static constexpr char kEverybodys[] = "10.77.0.1:7420";
  std::optional<TwoNetworks> networks_;
  std::optional<World> world_;
};

TEST_P(Network, N01_PartedUntilTheSessionIsGivenUp_ThenMended_AgreesWithinTheBound) {
  const auto& [phase, ways] = GetParam();
  Application& shop = world_->Start({.banks = "a"});
  Application* service = nullptr;
  networks_->There([&, &phase = phase] {
    service = &world_->Start({.banks = "b",
                              .failpoint = phase.failpoint,
                              .fault = Fault::kFreezes,
                              .coordinator = kEverybodys});
  });
  const std::string gtid = world_->MoveTogether(shop, *service);
  const bool held = phase.failpoint[0] != 0;
  if (held) {
    shop.Send("commit decision");
    ASSERT_TRUE(service->AwaitFrozen()) << "it never came to " << phase.failpoint;
  }
  Break(ways);
  if (held) service->process().Signal(SIGCONT);
  if (!held) shop.Send("commit decision");

  EXPECT_TRUE(WaitUntil([&] { return !HasSession("b"); })) << "the partition was not felt";
  EXPECT_TRUE(HasSession("a"));
  const std::string told = FirstWord(shop.Answer());
  EXPECT_EQ(told, phase.outcome);
  networks_->Mend();
  EXPECT_THAT(world_->SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_->HalvesOf(gtid), told == "committed" ? 2u : 0u);
  EXPECT_TRUE(WaitUntil([&] { return HasSession("b"); })) << "it did not come back";
}

std::string NameOfNetwork(const ::testing::TestParamInfo<std::tuple<Phase, Ways>>& info) {
  const char* const ways[] = {"TowardTheDaemon", "TowardTheService", "BothWays"};
  const auto& [phase, way] = info.param;
  return std::string(phase.name) + "_" + ways[static_cast<int>(way)];
}

INSTANTIATE_TEST_SUITE_P(
    InNamespaces, Network,
    ::testing::Combine(
        ::testing::Values(Phase{"BeforeThePrepare", "", "aborted"},
                          Phase{"BeforeTheCommit", "participant.before_finish", "committed"}),
        ::testing::Values(Ways::kTowardTheDaemon, Ways::kTowardTheService, Ways::kBoth)),
    NameOfNetwork);

}  // namespace
}  // namespace settle::testing
