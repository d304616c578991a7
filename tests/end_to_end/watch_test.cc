// `settle watch` before a person's eyes: in a terminal, over a daemon that goes away and comes
// back.
#include <sys/wait.h>

#include <csignal>

#include "end_to_end/fixture.h"
#include "end_to_end/terminal.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Watching : public EndToEnd {
 protected:
  Watching() : EndToEnd(kBothSqlite) { world_.daemon().Start(); }

  std::unique_ptr<Terminal> Watch(Terminal::Size size = {}) {
    auto terminal = std::make_unique<Terminal>(
        std::vector<std::string>{Program("settle"), "--address", world_.daemon().address(),
                                 "--timeout", "2s", "watch", "--interval", "100ms"},
        size);
    EXPECT_TRUE(WaitUntil([&] { return terminal->Shows("commits/s"); })) << terminal->Text();
    return terminal;
  }
  static void ExpectRestored(const Terminal& terminal) { EXPECT_TRUE(terminal.IsCooked()); }
};

TEST_F(Watching, TheScreenShowsWhatIsThereAndQQuits) {
  Application& shop = world_.Start();
  const auto terminal = Watch();
  EXPECT_FALSE(terminal->IsCooked());
  EXPECT_TRUE(terminal->Shows("settle watch " + world_.daemon().address())) << terminal->Text();
  EXPECT_TRUE(WaitUntil([&] { return terminal->Shows("open 0"); })) << terminal->Text();
  world_.Move(shop);
  EXPECT_TRUE(WaitUntil([&] { return terminal->Shows("open 1: 1 active"); })) << terminal->Text();
  EXPECT_THAT(shop.Ask("commit applied"), ::testing::StartsWith("committed"));
  EXPECT_TRUE(WaitUntil([&] { return terminal->Shows("open 0"); })) << terminal->Text();
  shop.StartLoad();
  EXPECT_TRUE(WaitUntil([&] {
    return terminal->Shows("commits/s ") && !terminal->Shows("commits/s 0.0") &&
           !terminal->Shows("commits/s -");
  })) << terminal->Text();
  shop.StopLoad();
  EXPECT_TRUE(WaitUntil([&] { return terminal->Lines().back() == "q quits"; })) << terminal->Text();
  terminal->Type("q");
  EXPECT_EQ(terminal->AwaitEnd(), 0);
  ExpectRestored(*terminal);
}

TEST_F(Watching, WhatIsPausedAndInDoubtIsShownInItsPlace) {
  Application& doomed = world_.Start({.banks = "b", .failpoint = "participant.before_finish"});
  Application& shop = world_.Start({.banks = "a"});
  const std::string gtid = world_.MoveTogether(shop, doomed);
  shop.Send("commit");
  ASSERT_TRUE(doomed.AwaitFailpoint());
  ASSERT_EQ(world_.Cli({"pause", "b", "--reason", "gone", "--operator", "alice"}).code, 0);
  const auto terminal = Watch({.rows = 30, .columns = 160});
  EXPECT_TRUE(WaitUntil([&] { return terminal->Shows("in doubt 1, the oldest for "); }))
      << terminal->Text();
  EXPECT_TRUE(WaitUntil([&] {
    return terminal->Shows("b is paused by alice since ") && terminal->Shows("      1  b\n") &&
           terminal->Shows("\n" + gtid + "  committing");
  })) << terminal->Text();
}

TEST_F(Watching, AnotherSizeIsTakenUpAtOnce) {
  const auto terminal = Watch({.rows = 24, .columns = 100});
  terminal->Resize({.rows = 10, .columns = 40});
  EXPECT_TRUE(WaitUntil([&] {
    const std::vector<std::string> lines = terminal->Lines();
    return lines.size() == 10 && lines.back() == "q quits" && terminal->Shows("commits/s");
  })) << terminal->Text();
  terminal->Resize({.rows = 1, .columns = 3});
  EXPECT_TRUE(WaitUntil([&] { return terminal->Lines().at(0) == "q q"; })) << terminal->Text();
  terminal->Resize({.rows = 40, .columns = 120});
  EXPECT_TRUE(WaitUntil([&] {
    return terminal->Lines().back() == "q quits" && terminal->Shows("records/flush");
  })) << terminal->Text();
}

TEST_F(Watching, ACoordinatorThatGoesAwayIsWaitedFor) {
  const auto terminal = Watch({.rows = 24, .columns = 160});
  world_.daemon().Kill();
  EXPECT_TRUE(WaitUntil([&] { return terminal->Shows("unreachable since "); })) << terminal->Text();
  // What is sent may be seen half painted.
  EXPECT_TRUE(WaitUntil([&] {
    return terminal->Shows("what follows was so at ") && terminal->Shows("epoch 1  ");
  })) << terminal->Text();
  world_.daemon().Start();
  EXPECT_TRUE(WaitUntil([&] {
    return terminal->Shows("epoch 2  ") && !terminal->Shows("unreachable");
  })) << terminal->Text();
}

TEST_F(Watching, ASignalThatEndsItLeavesTheTerminalAsItWas) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto terminal = Watch();
    ASSERT_FALSE(terminal->IsCooked());
    ::kill(terminal->id(), signal);
    const int status = terminal->AwaitEnd();
    EXPECT_TRUE(WIFEXITED(status)) << signal;
    ExpectRestored(*terminal);
  }
}

TEST_F(Watching, AFrozenCoordinatorHoldsUpNobodyWhoQuits) {
  const auto terminal = Watch();
  world_.daemon().process().Signal(SIGSTOP);
  terminal->Type("q");
  EXPECT_TRUE(WaitUntil([&] { return terminal->IsCooked(); }, 1500ms)) << terminal->Text();
  world_.daemon().process().Signal(SIGCONT);
  EXPECT_EQ(terminal->AwaitEnd(), 0);
}

TEST_F(Watching, WithoutATerminalItPrintsAnObjectForEachLook) {
  const CliAnswer answer = world_.Cli({"watch", "--count", "3", "--interval", "50ms"});
  EXPECT_EQ(answer.code, 0);
  std::istringstream lines(answer.out);
  std::vector<nlohmann::json> looks;
  for (std::string line; std::getline(lines, line);) looks.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(looks.size(), 3u);
  EXPECT_EQ(looks[0]["reachable"], true);
  EXPECT_TRUE(looks[0]["rates"].is_null());
  EXPECT_EQ(looks[2]["rates"]["commits_per_s"], 0.0);
  EXPECT_EQ(looks[2]["status"]["undecided"], 0);
  world_.daemon().Kill();
  const CliAnswer away = world_.Cli({"watch", "--count", "1"});
  EXPECT_EQ(away.code, 0);
  EXPECT_EQ(away.json["reachable"], false);
  EXPECT_THAT(away.json["why"].get<std::string>(), HasSubstr("no coordinator can be reached"));
}

}  // namespace
}  // namespace settle::testing
