// The daemon is stopped in the middle of a commit, longer than every time-out, and goes on as if
// nothing had been. Sixty seconds under the defaults are two under time-outs of one.
#include <algorithm>
#include <csignal>
#include <thread>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Frozen : public EndToEnd {
 protected:
  explicit Frozen(Kinds kinds) : EndToEnd(kinds) {
    world_.daemon().options = {"--session-timeout", "1s", "--vote-timeout", "1s"};
  }

  // The fault itself: every session, vote and deadline is overdue when it goes on.
  void StayFrozen() { std::this_thread::sleep_for(2s); }
  void Thaw() { world_.daemon().process().Signal(SIGCONT); }
};

class FrozenAt : public Frozen, public ::testing::WithParamInterface<const char*> {
 protected:
  FrozenAt() : Frozen(kMixed) {}
};

TEST_P(FrozenAt, C12_LongerThanEveryTimeout_AgreesWithWhatItTold) {
  world_.StartDaemonToDieAt(GetParam(), Fault::kFreezes);
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFrozen()) << "it never came to " << GetParam();
  StayFrozen();
  Thaw();
  const std::string told = FirstWord(shop.Answer());
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  const std::string outcome = FirstWord(shop.Ask("outcome " + gtid));
  EXPECT_THAT(outcome, AnyOf("committed", "aborted"));
  EXPECT_THAT(told, AnyOf(outcome, "unknown"));
  EXPECT_EQ(world_.HalvesOf(gtid), outcome == "committed" ? 2u : 0u);
}

INSTANTIATE_TEST_SUITE_P(EveryStep, FrozenAt,
                         ::testing::Values("engine.prepare_sent", "engine.vote",
                                           "engine.before_decision", "engine.decided",
                                           "engine.commit_sent"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

class FrozenBeforeCommit : public Frozen {
 protected:
  FrozenBeforeCommit() : Frozen(kBothPostgres) {}
};

TEST_F(FrozenBeforeCommit, C12_ACommitThatWaitedPastTheDeadline_IsTooLate) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = shop.Begin(1s);
  shop.Tell("move a -10");
  shop.Tell("move b 10");
  world_.daemon().process().Signal(SIGSTOP);
  ASSERT_TRUE(WaitUntil([&] { return world_.daemon().process().frozen(); }));
  shop.Send("commit");
  ASSERT_TRUE(WaitUntil([&] { return world_.PreparedBranches() == 2; })) << "its votes are cast";
  StayFrozen();
  Thaw();
  EXPECT_EQ(FirstWord(shop.Answer()), "aborted");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("aborted"));
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_F(FrozenBeforeCommit, C12_ResolvedByHandMeanwhile_IsFoundOutAndNotToldCommitted) {
  world_.StartDaemonToDieAt("engine.before_decision", Fault::kFreezes);
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFrozen());
  ASSERT_EQ(world_.PreparedBranches(), 2u);
  for (const char bank : {'a', 'b'}) {
    world_.bank(bank).RollBackByHand(world_.bank(bank).Prepared().at(0));
  }
  StayFrozen();
  Thaw();
  EXPECT_EQ(FirstWord(shop.Answer()), "heuristic-rollback");
  EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid) == "heuristic-rollback"; }));
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
  EXPECT_THAT(world_.Said(), HasSubstr("a branch ended otherwise than decided"));
}

}  // namespace
}  // namespace settle::testing
