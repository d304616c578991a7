// The application and its participants die at every step, by SIGKILL at a named place, and the next
// process that serves the resource settles what they left.
#include <algorithm>
#include <tuple>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Death {
  std::string where;  // a failpoint; "resource.x" is that of the database: postgres.x or sqlite.x
  std::string outcome;

  std::string FailpointOf(Kind kind) const {
    const std::string any = "resource.";
    if (where.rfind(any, 0) != 0) return where;
    return (kind == Kind::kPostgres ? "postgres." : "sqlite.") + where.substr(any.size());
  }
};

std::ostream& operator<<(std::ostream& out, const Death& death) { return out << death.where; }

class DiesAt : public EndToEnd, public ::testing::WithParamInterface<std::tuple<Death, Kinds>> {
 protected:
  DiesAt() : EndToEnd(std::get<Kinds>(GetParam())) { world_.daemon().Start(); }
  const Death& death() const { return std::get<Death>(GetParam()); }
  Kinds kinds() const { return std::get<Kinds>(GetParam()); }

  void ExpectOutcome(const std::string& gtid, Application& next) {
    EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
    EXPECT_EQ(FirstWord(next.Ask("outcome " + gtid)), death().outcome);
    EXPECT_EQ(world_.HalvesOf(gtid), death().outcome == "committed" ? 2u : 0u);
  }
};

std::string NameOfDeath(const ::testing::TestParamInfo<std::tuple<Death, Kinds>>& info) {
  const auto& [death, kinds] = info.param;
  std::string name = death.where + "_" + ToString(kinds);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == ':'; }, '_');
  return name;
}

using ApplicationDiesAt = DiesAt;

TEST_P(ApplicationDiesAt, P07_AndTheNextProcessSettlesIt) {
  Application& shop = world_.Start({.banks = "ab", .failpoint = death().FailpointOf(kinds().a)});
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint()) << "it never came to " << death().where;

  ExpectOutcome(gtid, world_.Start());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, ApplicationDiesAt,
    ::testing::Combine(::testing::Values(Death{"resource.before_prepare", "aborted"},
                                         Death{"resource.after_prepare", "aborted"},
                                         Death{"client.prepared", "aborted"},
                                         Death{"client.decided", "committed"},
                                         Death{"resource.before_finish", "committed"},
                                         Death{"resource.after_finish", "committed"},
                                         Death{"client.finished_one", "committed"}),
                       ::testing::Values(kBothPostgres, kBothSqlite, kMixed)),
    NameOfDeath);

using QueuingApplicationDiesAt = DiesAt;

TEST_P(QueuingApplicationDiesAt, P07_AndTheNextProcessSettlesWhatTravelledWithThePrepare) {
  Application& shop = world_.Start({.banks = "ab", .failpoint = death().FailpointOf(kinds().a)});
  const std::string gtid = shop.Begin();
  shop.Tell("queue a -10");
  shop.Tell("queue b 10");
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint()) << "it never came to " << death().where;

  ExpectOutcome(gtid, world_.Start());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, QueuingApplicationDiesAt,
    ::testing::Combine(::testing::Values(Death{"resource.before_prepare", "aborted"},
                                         Death{"resource.after_prepare", "aborted"},
                                         Death{"client.prepared", "aborted"},
                                         Death{"client.decided", "committed"},
                                         Death{"resource.before_finish", "committed"}),
                       ::testing::Values(kBothPostgres, kMixed)),
    NameOfDeath);

using ServiceDiesAt = DiesAt;

TEST_P(ServiceDiesAt, P07_AndTheNextProcessSettlesIt) {
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b", .failpoint = death().FailpointOf(kinds().b)});
  const std::string gtid = world_.MoveTogether(shop, service);
  shop.Send("commit");
  ASSERT_TRUE(service.AwaitFailpoint()) << "it never came to " << death().where;

  world_.Start({.banks = "b"});
  EXPECT_EQ(FirstWord(shop.Answer()), death().outcome);
  ExpectOutcome(gtid, shop);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, ServiceDiesAt,
    ::testing::Combine(::testing::Values(Death{"resource.before_prepare", "aborted"},
                                         Death{"resource.after_prepare", "aborted"},
                                         Death{"participant.before_vote", "aborted"},
                                         Death{"participant.before_finish", "committed"},
                                         Death{"resource.before_finish", "committed"},
                                         Death{"resource.after_finish", "committed"},
                                         Death{"participant.finished", "committed"}),
                       ::testing::Values(kBothPostgres, kBothSqlite)),
    NameOfDeath);

// Q01 has one place more than PostgreSQL: inside the transaction that applies the staged changes.
class SqliteDiesInsideFinish : public EndToEnd {
 protected:
  SqliteDiesInsideFinish() : EndToEnd(kBothSqlite) { world_.daemon().Start(); }
};

TEST_F(SqliteDiesInsideFinish, Q01_DuringApply_TheStagedRowDecidesAndIsAppliedOnce) {
  Application& shop = world_.Start({.banks = "ab", .failpoint = "sqlite.inside_finish"});
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint());
  EXPECT_GE(world_.PreparedBranches(), 1u) << "what was being applied must be as if it never began";
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

TEST_F(SqliteDiesInsideFinish, Q01_DuringAbort_TheStagedRowIsDroppedAndNothingApplied) {
  Application& shop = world_.Start({.banks = "ab", .failpoint = "client.prepared"});
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint());
  ASSERT_EQ(world_.PreparedBranches(), 2u);
  // Told by its own scan that they are aborted, this one dies in the middle of the first.
  Application& next = world_.Start({.banks = "ab", .failpoint = "sqlite.inside_finish"});
  ASSERT_TRUE(next.AwaitFailpoint());
  EXPECT_GE(world_.PreparedBranches(), 1u) << "what was being undone must be as if it never began";
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid), 0u);
}

using AbandonedWork = WithBothBanks;

TEST_P(AbandonedWork, P12_ProgramDiesWithBranchesOpen_TheyAreAbortedAndNoLockIsLeft) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  ASSERT_FALSE(world_.bank('a').Writable());
  shop.Kill();
  const auto aborted = [&] { return world_.OutcomeShown(gtid) == "aborted"; };
  EXPECT_TRUE(WaitUntil(aborted)) << "the session time-out must end it";
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(AbandonedWork, P12_ProgramHangsWithBranchesOpen_TheDeadlineAbortsAndFreesTheLocks) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = shop.Begin(1s);
  shop.Tell("move a -10");
  shop.Tell("move b 10");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());  // without a word from the program
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("aborted deadline"));
}

TEST_P(AbandonedWork, P13_WorkAfterTheGlobalAbort_IsRefusedAndNothingOfItStays) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = shop.Begin(1s);
  shop.Tell("move a -10");
  ASSERT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid) == "aborted"; }));
  ASSERT_TRUE(WaitUntil([&] { return world_.bank('a').Writable(); }));

  EXPECT_THAT(shop.Ask("execute a UPDATE account SET balance = balance + 1"), StartsWith("error"));
  EXPECT_THAT(shop.Ask("move b 10"), StartsWith("error"));
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted"));
  EXPECT_THAT(shop.Ask("execute a UPDATE account SET balance = balance + 1"), StartsWith("error"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(AbandonedWork, P14_DroppedWithoutCommit_IsRolledBackEverywhere) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Tell("drop");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("aborted"));
}

INSTANTIATE_TEST_SUITE_P(Faults, AbandonedWork, kEveryKind, NameOfKinds);

}  // namespace
}  // namespace settle::testing
