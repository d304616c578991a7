// The coordinator dies at every step of a commit, by SIGKILL at a named place, and comes back.
#include <algorithm>
#include <csignal>
#include <tuple>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

enum class Shape {
  kOneProgram,   // which prepares and finishes both branches itself
  kTwoPrograms,  // the second one's branch is prepared and finished on command
};

struct Crash {
  std::string id;
  std::string failpoint;
  Shape shape;
  std::string outcome;  // that the transaction must have; empty: the log's, whichever it is
};

std::string ToString(const Crash& crash) {
  std::string name = crash.id + "_" + crash.failpoint +
                     (crash.shape == Shape::kOneProgram ? "_OneProgram" : "_TwoPrograms");
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == ':'; }, '_');
  return name;
}

std::ostream& operator<<(std::ostream& out, const Crash& crash) { return out << ToString(crash); }

class CoordinatorDiesAt : public EndToEnd,
                          public ::testing::WithParamInterface<std::tuple<Crash, Kinds>> {
 protected:
  CoordinatorDiesAt() : EndToEnd(std::get<Kinds>(GetParam())) {}
};

TEST_P(CoordinatorDiesAt, AndEveryBranchEndsAlike) {
  const Crash& crash = std::get<Crash>(GetParam());
  world_.StartDaemonToDieAt(crash.failpoint);
  const bool together = crash.shape == Shape::kTwoPrograms;
  Application& shop = world_.Start({.banks = together ? "a" : "ab"});
  const std::string gtid =
      together ? world_.MoveTogether(shop, world_.Start({.banks = "b"})) : world_.Move(shop);

  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint()) << "it never came to " << crash.failpoint;
  world_.daemon().Start();

  const std::string told = FirstWord(shop.Answer());
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  const std::string outcome = FirstWord(shop.Ask("outcome " + gtid));
  EXPECT_THAT(told, AnyOf(outcome, "unknown"));
  EXPECT_THAT(outcome, AnyOf("committed", "aborted"));
  if (!crash.outcome.empty()) {
    EXPECT_EQ(outcome, crash.outcome);
  }
  EXPECT_EQ(world_.HalvesOf(gtid), outcome == "committed" ? 2u : 0u);
}

std::string NameOfCrash(const ::testing::TestParamInfo<std::tuple<Crash, Kinds>>& info) {
  return ToString(std::get<Crash>(info.param)) + "_" + ToString(std::get<Kinds>(info.param));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CoordinatorDiesAt,
    ::testing::Combine(
        ::testing::Values(Crash{"C03", "engine.prepare_sent", Shape::kTwoPrograms, "aborted"},
                          Crash{"C04", "engine.vote", Shape::kTwoPrograms, "aborted"},
                          Crash{"C04", "engine.before_decision", Shape::kOneProgram, "aborted"},
                          Crash{"C04", "engine.before_decision", Shape::kTwoPrograms, "aborted"},
                          Crash{"C05", "log.before_begin", Shape::kOneProgram, "aborted"},
                          Crash{"C05", "log.inside", Shape::kTwoPrograms, ""},
                          Crash{"C05", "log.after_commit", Shape::kOneProgram, "committed"},
                          Crash{"C06", "engine.decided", Shape::kOneProgram, "committed"},
                          Crash{"C06", "engine.decided", Shape::kTwoPrograms, "committed"},
                          Crash{"C07", "engine.commit_sent:1", Shape::kTwoPrograms, "committed"},
                          Crash{"C07", "engine.acknowledged:1", Shape::kTwoPrograms, "committed"},
                          Crash{"C08", "engine.before_end", Shape::kTwoPrograms, "committed"},
                          Crash{"C09", "engine.ended", Shape::kOneProgram, "committed"}),
        ::testing::Values(kBothPostgres, kBothSqlite, kMixed)),
    NameOfCrash);

using CoordinatorKilled = WithBothBanks;

TEST_P(CoordinatorKilled, C01_AfterBegin_TheTransactionIsAbortedAndItsGtidNeverReused) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = shop.Begin();
  world_.daemon().Kill();
  world_.daemon().Start();

  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("aborted presumed"));
  const auto begun_again = [&] { return FirstWord(shop.Ask("begin 30000")) == "ok"; };
  ASSERT_TRUE(WaitUntil(begun_again));
  EXPECT_NE(shop.Begin(), gtid);
  EXPECT_EQ(world_.PreparedBranches(), 0u);
}

TEST_P(CoordinatorKilled, C02_AfterTheWork_TheOpenWorkIsRolledBackWithoutBeingAsked) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  ASSERT_FALSE(world_.bank('a').Writable()) << "the work should hold locks";
  world_.daemon().Kill();
  world_.daemon().Start();

  // Nothing but the coordinator's new life tells the program that its work can never be committed.
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(FirstWord(shop.Ask("commit")), "aborted");
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

TEST_P(CoordinatorKilled, C04_AndGone_TheClientHearsUnknownAndTheTruthWhenItIsBack) {
  world_.StartDaemonToDieAt("engine.before_decision");
  Application& shop = world_.Start({.call_timeout = 2s});
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());

  EXPECT_EQ(FirstWord(shop.Answer()), "unknown");
  EXPECT_EQ(world_.PreparedBranches(), 2u) << "nobody may guess";
  world_.daemon().Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("aborted presumed"));
}

TEST_P(CoordinatorKilled, C10_DuringRecoveryThreeTimesAtEachStep_TheDecisionIsCarriedOut) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  for (const char* where : {"log.open.epoch_raised", "log.open.folded", "engine.commit_sent:1",
                            "engine.commit_sent:2", "engine.acknowledged", "engine.before_end"}) {
    for (int time = 0; time < 3; ++time) {
      world_.daemon().StartUnawaited(where);
      ASSERT_TRUE(world_.daemon().AwaitFailpoint()) << where;
    }
  }
  world_.daemon().Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(FirstWord(shop.Ask("outcome " + gtid)), "committed");
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

INSTANTIATE_TEST_SUITE_P(Faults, CoordinatorKilled, kEveryKind, NameOfKinds);

class CoordinatorStops : public EndToEnd {
 protected:
  CoordinatorStops() : EndToEnd(kBothSqlite) {}
};

TEST_F(CoordinatorStops, C23_ByAnAssertionThatFails_ItSaysWhatAndItsNextStartRecovers) {
  for (const char* where : {"engine.before_decision", "engine.decided"}) {
    world_.StartDaemonToDieAt(where, Fault::kAssertion);
    Application& shop = world_.Start();
    const std::string gtid = world_.Move(shop);
    shop.Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    EXPECT_EQ(world_.daemon().process().Wait()->signal, SIGABRT);
    EXPECT_THAT(world_.daemon().process().Errors(),
                AllOf(HasSubstr("a defect"), HasSubstr("does not hold at"), HasSubstr(where)));
    world_.daemon().Start();
    const std::string told = FirstWord(shop.Answer());
    EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
    EXPECT_THAT(told, AnyOf(world_.OutcomeShown(gtid), "unknown"));
    shop.Quit();
    ASSERT_TRUE(world_.daemon().Terminate().has_value());
  }
}

}  // namespace
}  // namespace settle::testing
