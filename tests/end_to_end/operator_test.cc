// The hands of people: what they do in a database behind the coordinator's back, and through
// `settle`.
#include <csignal>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A transfer that is decided, prepared in both banks, and whose coordinator is down.
class BehindItsBack : public EndToEnd {
 protected:
  explicit BehindItsBack(Kinds kinds = kBothPostgres) : EndToEnd(kinds) {}

  void DieAfter(const std::string& failpoint) {
    world_.StartDaemonToDieAt(failpoint);
    shop_ = &world_.Start({.banks = "a"});
    service_ = &world_.Start({.banks = "b"});
    gtid_ = world_.MoveTogether(*shop_, *service_);
    shop_->Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    ASSERT_EQ(world_.PreparedBranches(), 2u);
  }
  std::string PreparedIn(char bank) { return world_.bank(bank).Prepared().at(0); }

  nlohmann::json AwaitOutcome(const std::string& outcome) {
    EXPECT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == outcome; }))
        << "it is " << world_.OutcomeShown(gtid_);
    return world_.Cli({"show", gtid_}).json;
  }

  Application* shop_ = nullptr;
  Application* service_ = nullptr;
  std::string gtid_;
};

TEST_F(BehindItsBack, P05_RolledBackAgainstTheDecision_IsReportedAsMixedAndTheSiblingCommits) {
  DieAfter("engine.decided");
  world_.bank('b').RollBackByHand(PreparedIn('b'));
  world_.daemon().Start();

  const nlohmann::json shown = AwaitOutcome("mixed");
  EXPECT_EQ(shown["branches"][0]["state"], "committed");
  EXPECT_EQ(shown["branches"][1]["state"], "aborted");
  EXPECT_EQ(world_.bank('a').Transfers().count(gtid_), 1u);
  EXPECT_EQ(FirstWord(shop_->Answer()), "mixed");
  EXPECT_EQ(FirstWord(shop_->Ask("outcome " + gtid_)), "mixed");
  EXPECT_THAT(world_.Cli({"in-doubt"}).out, HasSubstr(gtid_)) << "kept until a person forgets it";
  EXPECT_EQ(world_.Cli({"in-doubt", "--check"}).code, 6);
}

TEST_F(BehindItsBack, P05_TheDamageIsStillKnownAfterAnotherRestart) {
  DieAfter("engine.decided");
  world_.bank('b').RollBackByHand(PreparedIn('b'));
  world_.daemon().Start();
  AwaitOutcome("mixed");
  world_.daemon().Kill();
  world_.daemon().Start();
  AwaitOutcome("mixed");
}

// Kept, shown and counted until a person forgets it, through a kill at each of the two records of
// that.
class Forgotten : public BehindItsBack, public ::testing::WithParamInterface<const char*> {
 protected:
  CliAnswer Forget(const std::string& who) {
    return world_.Cli({"forget", gtid_, "--reason", "credited by hand", "--operator", who});
  }
  std::string Counted() {
    const nlohmann::json status = world_.Cli({"status"}).json;
    return status["heuristics"].dump() + " damaged, " + status["forgotten"].dump() + " forgotten";
  }
};

TEST_P(Forgotten, P05_ARepairedTransactionIsForgottenOnceByNameAndReason) {
  DieAfter("engine.decided");
  world_.bank('b').RollBackByHand(PreparedIn('b'));
  world_.daemon().Start();
  AwaitOutcome("mixed");
  EXPECT_EQ(Counted(), "1 damaged, 0 forgotten");
  world_.daemon().Terminate();
  world_.StartDaemonToDieAt(GetParam());
  AwaitOutcome("mixed");

  const CliAnswer killed = Forget("ann");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  EXPECT_THAT(killed.code, ::testing::AnyOf(0, 7)) << "done, or unknown: " << killed.out;
  world_.daemon().Start();
  const nlohmann::json before = AwaitOutcome("mixed");
  const bool was_durable = before["state"] == "done";
  EXPECT_EQ(was_durable, std::string(GetParam()) != "log.before_begin");

  EXPECT_EQ(Forget("ann").code, 0) << "the same again is the same answer";
  const CliAnswer other = Forget("bob");
  EXPECT_EQ(other.code, 1) << other.out;
  EXPECT_THAT(other.out, HasSubstr("forgotten by ann: credited by hand"));
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(WaitUntil([&] { return Counted() == "0 damaged, 1 forgotten"; })) << Counted();
    EXPECT_EQ(world_.Cli({"in-doubt", "--check"}).code, 0);
    const nlohmann::json shown = AwaitOutcome("mixed");
    EXPECT_EQ(shown["state"], "done");
    EXPECT_THAT(shown["ending"]["reason"],
                StartsWith("forgotten by ann: credited by hand; damage: branch 9 in b: "));
    EXPECT_EQ(FirstWord(shop_->Ask("outcome " + gtid_)), "mixed");
    world_.daemon().Terminate();
    world_.daemon().Start();
  }
}

INSTANTIATE_TEST_SUITE_P(People, Forgotten,
                         ::testing::Values("log.before_begin", "log.after_commit",
                                           "engine.before_end", "engine.ended"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_F(BehindItsBack, P06_RolledBackEverywhereAgainstTheDecision_IsAHeuristicRollback) {
  DieAfter("engine.decided");
  for (const char bank : {'a', 'b'}) world_.bank(bank).RollBackByHand(PreparedIn(bank));
  world_.daemon().Start();
  AwaitOutcome("heuristic-rollback");
  EXPECT_EQ(world_.HalvesOf(gtid_), 0u);
}

TEST_F(BehindItsBack, P06_CommittedInAgreementWithTheDecision_IsProvedAndNoAlarm) {
  DieAfter("engine.decided");
  world_.bank('b').CommitByHand(PreparedIn('b'));
  world_.daemon().Start();
  AwaitOutcome("committed");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(BehindItsBack, P06_CommittedAgainstAnAbort_IsReportedAsMixed) {
  world_.daemon().Start();
  shop_ = &world_.Start({.banks = ""});
  Application& silent = world_.Start({.banks = "a"});
  service_ = &world_.Start({.banks = "b"});
  gtid_ = shop_->Begin();
  const std::string context = shop_->Tell("context");
  for (Application* program : {&silent, service_}) {
    program->Tell("join " + context);
    program->Tell(program == &silent ? "move a -10" : "move b 10");
    program->Tell("leave");
  }
  silent.process().Signal(SIGSTOP);  // its vote will be overdue, so the decision will be abort
  shop_->Send("commit");
  ASSERT_TRUE(WaitUntil([&] { return world_.bank('b').Prepared().size() == 1; }));
  world_.bank('b').CommitByHand(PreparedIn('b'));

  AwaitOutcome("mixed");
  silent.process().Signal(SIGCONT);
  EXPECT_THAT(shop_->Answer(), StartsWith("aborted")) << "told before the damage was known";
  EXPECT_EQ(FirstWord(shop_->Ask("outcome " + gtid_)), "mixed");
  EXPECT_TRUE(WaitUntil([&] { return world_.bank('a').Writable(); }));
  EXPECT_EQ(world_.HalvesOf(gtid_), 1u);
}

class DecidedAndDown : public BehindItsBack, public ::testing::WithParamInterface<Kinds> {
 protected:
  DecidedAndDown() : BehindItsBack(GetParam()) {}
};

TEST_P(DecidedAndDown, A01_AbortAgainstADurableDecision_IsRefusedAndNothingChanges) {
  DieAfter("engine.decided");
  shop_->Kill();
  service_->Kill();
  world_.daemon().Start();

  const CliAnswer refused = world_.Cli({"resolve", gtid_, "abort", "--reason", "it is stuck"});
  EXPECT_EQ(refused.code, 1) << refused.out;
  EXPECT_THAT(refused.out + refused.err, HasSubstr("durable"));
  EXPECT_EQ(world_.OutcomeShown(gtid_), "committed");
  EXPECT_EQ(world_.PreparedBranches(), 2u);
  // To hurry it is allowed, and changes nothing while nobody serves the banks.
  EXPECT_EQ(world_.Cli({"resolve", gtid_, "commit", "--reason", "hurry"}).code, 0);
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid_), 2u);
}

INSTANTIATE_TEST_SUITE_P(People, DecidedAndDown, kEveryKind, NameOfKinds);

class OneOperator : public EndToEnd {
 protected:
  OneOperator() : EndToEnd(kBothSqlite) { world_.daemon().Start(); }
};

TEST_F(OneOperator, A01_AnUndecidedTransactionCanBeAbortedAndItsProgramIsTold) {
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  EXPECT_EQ(world_.Cli({"resolve", gtid, "commit", "--reason", "why not"}).code, 1);
  const CliAnswer resolved = world_.Cli({"resolve", gtid, "abort", "--reason", "in the way"});
  EXPECT_EQ(resolved.code, 0) << resolved.err;
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted operator"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(OneOperator, A03_WrongPartialAndHostileGtids_ChangeNothingAndExitByTheirKind) {
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  const std::vector<std::string> hostile{"",
                                         " ",
                                         "%",
                                         "*",
                                         gtid.substr(0, 20),
                                         gtid + "0",
                                         gtid + "'; DROP TABLE record; --",
                                         "\x1b[2J\x1b[31m",
                                         "../../etc/passwd",
                                         std::string(100'000, 'a'),
                                         "\xff\xfe",
                                         "-1",
                                         "0"};
  for (const std::string& text : hostile) {
    for (const char* to : {"abort", "commit"}) {
      const CliAnswer answer = world_.Cli({"resolve", "--reason", "x", "--", text, to});
      EXPECT_THAT(answer.code, ::testing::AnyOf(2, 3, 5)) << text.substr(0, 40);
      EXPECT_THAT(answer.out + answer.err, Not(HasSubstr("\x1b"))) << "escape sequences get out";
    }
    EXPECT_NE(world_.Cli({"show", "--", text}).code, 0) << text.substr(0, 40);
  }
  EXPECT_EQ(world_.OutcomeShown(gtid), "undecided");
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(OneOperator, A03_AGtidOfAnotherLog_IsNotAnswered) {
  const CliAnswer answer = world_.Cli({"show", "aaaaaaaaaaaa.1.1.00000000"});
  EXPECT_EQ(answer.code, 5) << answer.out << answer.err;
}

TEST_F(OneOperator, A03_WithoutACoordinator_TheExitCodeSaysSo) {
  world_.daemon().Kill();
  EXPECT_EQ(world_.Cli({"status"}).code, 4);
}

}  // namespace
}  // namespace settle::testing
