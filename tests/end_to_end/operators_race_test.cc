// A02: two operators at once, an operator against the application, and recovery at work on the same
// transaction. One wins, the others are told what is so.
#include <future>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class TwoAtOnce : public EndToEnd {
 protected:
  explicit TwoAtOnce(Kinds kinds = kBothSqlite) : EndToEnd(kinds) {}

  std::future<CliAnswer> Later(std::vector<std::string> words) {
    return std::async(std::launch::async,
                      [this, words = std::move(words)] { return world_.Cli(words); });
  }
};

TEST_F(TwoAtOnce, A02_AnAbortByAnOperatorAgainstTheApplicationsCommit) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  for (int round = 0; round < 10; ++round) {
    const std::string gtid = world_.Move(shop);
    auto abort = Later({"resolve", gtid, "abort", "--reason", "in the way", "--operator", "ann"});
    // Now the one is earlier, now the other.
    std::this_thread::sleep_for(std::chrono::milliseconds(round * 2));
    const std::string told = shop.Ask("commit");
    const CliAnswer answer = abort.get();
    const std::string outcome = world_.OutcomeShown(gtid);
    if (outcome == "committed") {
      EXPECT_EQ(answer.code, 1) << answer.out;
      EXPECT_THAT(answer.out, AnyOf(HasSubstr("committed"), HasSubstr("is deciding")));
      EXPECT_THAT(told, StartsWith("committed"));
    } else {
      EXPECT_EQ(outcome, "aborted");
      EXPECT_EQ(answer.code, 0) << answer.out;
      EXPECT_THAT(told, StartsWith("aborted operator"));
    }
    EXPECT_EQ(world_.HalvesOf(gtid), outcome == "committed" ? 2u : 0u);
  }
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(TwoAtOnce, A02_TwoResolvesAreToldTheSameOneReason) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  auto ann = Later({"resolve", gtid, "abort", "--reason", "stuck", "--operator", "ann"});
  auto bob = Later({"resolve", gtid, "abort", "--reason", "in my way", "--operator", "bob"});
  auto eve = Later({"resolve", gtid, "commit", "--reason", "it is good", "--operator", "eve"});
  const CliAnswer of_ann = ann.get();
  const CliAnswer of_bob = bob.get();
  EXPECT_EQ(eve.get().code, 1) << "only votes commit";
  EXPECT_EQ(of_ann.code, 0) << of_ann.out;
  EXPECT_EQ(of_bob.code, 0) << of_bob.out;
  const std::string reason = of_ann.json["ending"]["reason"];
  EXPECT_EQ(of_bob.json["ending"]["reason"], reason);
  EXPECT_THAT(reason, AnyOf("operator ann: stuck", "operator bob: in my way"));
  EXPECT_THAT(shop.Ask("commit"), HasSubstr(reason));
}

// Where a hand can roll a prepared branch back behind Settle's back.
class ManyAtOnce : public TwoAtOnce {
 protected:
  ManyAtOnce() : TwoAtOnce(kBothPostgres) {}
};

TEST_F(ManyAtOnce, A02_OfManyWhoForgetOneWinsAndTheOthersAreToldWho) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  world_.bank('b').RollBackByHand(world_.bank('b').Prepared().at(0));
  world_.daemon().Start();
  ASSERT_TRUE(WaitUntil([&] { return world_.Cli({"show", gtid}).json["state"] == "damaged"; }));

  std::vector<std::future<CliAnswer>> all;
  for (int i = 0; i < 6; ++i) {
    all.push_back(Later({"forget", gtid, "--reason", "repaired", "--operator",
                         "operator" + std::to_string(i)}));
  }
  std::string winner;
  std::vector<std::string> refusals;
  for (int i = 0; i < 6; ++i) {
    const CliAnswer answer = all[static_cast<std::size_t>(i)].get();
    EXPECT_THAT(answer.code, AnyOf(0, 1)) << answer.out;
    if (answer.code == 0) {
      EXPECT_EQ(winner, "") << "two were told that it was theirs";
      winner = "operator" + std::to_string(i);
    } else {
      refusals.push_back(answer.out);
    }
  }
  ASSERT_NE(winner, "");
  for (const std::string& refusal : refusals) EXPECT_THAT(refusal, HasSubstr(winner));
  EXPECT_THAT(world_.Cli({"show", gtid}).json["ending"]["reason"],
              StartsWith("forgotten by " + winner + ": repaired"));
}

// The daemon has just started and is carrying out what was decided.
TEST_F(TwoAtOnce, A02_OperatorsWhileRecoveryIsAtWorkOnTheTransaction) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  ASSERT_EQ(world_.PreparedBranches(), 2u);
  world_.daemon().Start();
  auto abort = Later({"resolve", gtid, "abort", "--reason", "stuck"});
  auto commit = Later({"resolve", gtid, "commit", "--reason", "hurry"});
  auto retry = Later({"retry", gtid});
  auto all = Later({"retry", "--all"});
  auto forget = Later({"forget", gtid, "--reason", "gone"});
  EXPECT_EQ(abort.get().code, 1);
  EXPECT_EQ(commit.get().code, 0);
  EXPECT_EQ(retry.get().code, 0);
  EXPECT_EQ(all.get().code, 0);
  EXPECT_EQ(forget.get().code, 1);
  EXPECT_THAT(shop.Answer(), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

}  // namespace
}  // namespace settle::testing
