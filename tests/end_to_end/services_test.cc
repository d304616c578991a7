// Two programs under one transaction: the shop begins it, the service joins it by the context in
// the shop's call.
#include <csignal>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class TwoServices : public WithBothBanks {
 protected:
  void SetUp() override {
    world_.daemon().Start();
    shop_ = &world_.Start({.banks = "a"});
    service_ = &world_.Start({.banks = "b"});
  }
  Application* shop_ = nullptr;
  Application* service_ = nullptr;
};

TEST_P(TwoServices, CommitTogether) {
  const std::string gtid = world_.MoveTogether(*shop_, *service_);
  EXPECT_THAT(shop_->Ask("commit applied"), StartsWith("committed"));
  EXPECT_EQ(world_.HalvesOf(gtid), 2u) << "applied: a next read sees it";
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(TwoServices, AbortTogether) {
  const std::string gtid = world_.MoveTogether(*shop_, *service_);
  EXPECT_THAT(shop_->Ask("abort"), StartsWith("aborted requested"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_P(TwoServices, TheServicesNoVoteAbortsTheShop) {
  const std::string gtid = shop_->Begin();
  shop_->Tell("move a -10");
  service_->Tell("join " + shop_->Tell("context"));
  service_->Tell("move b 10");
  EXPECT_THAT(service_->Ask("abort"), StartsWith("aborted"));
  EXPECT_THAT(shop_->Ask("commit"), StartsWith("aborted"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_P(TwoServices, P07_TheServiceKilledBeforeItsPrepare_AbortsTheShop) {
  const std::string gtid = world_.MoveTogether(*shop_, *service_);
  service_->Kill();
  EXPECT_THAT(shop_->Ask("commit"), StartsWith("aborted"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_P(TwoServices, C19_JoiningAfterCommitWasAskedFor_IsRefusedByNameAndLeavesNoLock) {
  service_->Kill();
  Application& held = world_.Start(
      {.banks = "b", .failpoint = "participant.before_vote", .fault = Fault::kFreezes});
  Application& late = world_.Start({.banks = "b"});
  const std::string gtid = world_.MoveTogether(*shop_, held);
  const std::string context = shop_->Tell("context");
  shop_->Send("commit");
  ASSERT_TRUE(held.AwaitFrozen());  // the votes are being collected
  late.Tell("join " + context);
  const std::string refused = late.Ask("move b 5");
  held.process().Signal(SIGCONT);
  EXPECT_THAT(refused, StartsWith("error refused the transaction is "));
  EXPECT_THAT(refused, HasSubstr("branches join only while it is active"));
  const std::string told = FirstWord(shop_->Answer());
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty()) << "no lock is left";
  EXPECT_EQ(world_.HalvesOf(gtid), told == "committed" ? 2u : 0u);
}

TEST_P(TwoServices, P08_EveryProcessOfANameIsDownAfterItsPrepare_ItStaysInDoubtUntilOneReturns) {
  service_->Kill();
  Application& doomed = world_.Start({.banks = "b", .failpoint = "participant.before_finish"});
  const std::string gtid = world_.MoveTogether(*shop_, doomed);
  shop_->Send("commit");
  ASSERT_TRUE(doomed.AwaitFailpoint());

  const auto in_doubt = [&] { return world_.Cli({"in-doubt", "--check"}).code == 6; };
  EXPECT_TRUE(WaitUntil(in_doubt));
  EXPECT_THAT(world_.Cli({"in-doubt"}).out, ::testing::HasSubstr(gtid));
  EXPECT_EQ(world_.bank('b').Prepared().size(), 1u);
  world_.Start({.banks = "b"});
  EXPECT_THAT(shop_->Answer(), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

TEST_P(TwoServices, P02_AbortOvertakesAPrepareThatTheServiceReadLate_NoZombieBranch) {
  const std::string gtid = world_.MoveTogether(*shop_, *service_);
  service_->process().Signal(SIGSTOP);
  EXPECT_THAT(shop_->Ask("commit"), StartsWith("aborted"));  // vote time-out, or session lost
  service_->process().Signal(SIGCONT);
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_P(TwoServices, P11_AReadOnlyBranchIsOutOfPhaseTwo) {
  const std::string gtid = shop_->Begin();
  shop_->Tell("execute a SELECT balance FROM account");
  service_->Tell("join " + shop_->Tell("context"));
  service_->Tell("execute b UPDATE account SET balance = balance + 1 WHERE id = 1");
  service_->Tell("leave");
  EXPECT_THAT(shop_->Ask("commit"), StartsWith("committed"));
  const CliAnswer shown = world_.Cli({"show", gtid});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(shown.json["branches"][0]["vote"], "read-only");
  EXPECT_EQ(shown.json["branches"][1]["vote"], "commit");
  EXPECT_EQ(shown.json["branches"][1]["state"], "committed");
}

INSTANTIATE_TEST_SUITE_P(Together, TwoServices, ::testing::Values(kBothPostgres, kBothSqlite),
                         NameOfKinds);

}  // namespace
}  // namespace settle::testing
