// The logging last resource with processes that are killed: bank a, PostgreSQL, commits instead of
// being prepared, and the client, the coordinator or both die between every two steps.
#include <algorithm>
#include <tuple>

#include "end_to_end/agent.h"
#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Where somebody dies, and what the transaction must become.
struct Death {
  std::string where;
  std::string outcome;
};
std::ostream& operator<<(std::ostream& out, const Death& death) { return out << death.where; }

class LastResource : public EndToEnd {
 protected:
  explicit LastResource(Kinds kinds) : EndToEnd(kinds) {}

  Application& Shop(const std::string& failpoint = {}, Fault fault = Fault::kDies) {
    return world_.Start({.failpoint = failpoint, .fault = fault, .last_resource = true});
  }
  // Prepared and in the name of the last resource.
  std::size_t NamedBranches() {
    std::size_t named = 0;
    for (const std::string& name : world_.bank('b').Prepared()) named += LastResourceNamed(name);
    return named;
  }
  static bool LastResourceNamed(const std::string& name) {
    return name.find("-last:2:1:a:") != std::string::npos;
  }
  void ExpectOutcome(const std::string& gtid, const std::string& outcome) {
    EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
    EXPECT_EQ(world_.HalvesOf(gtid), outcome == "committed" ? 2u : 0u);
  }
};

class LastResourceOf : public LastResource, public ::testing::WithParamInterface<Kinds> {
 protected:
  LastResourceOf() : LastResource(GetParam()) {}
};
const auto kKinds = ::testing::Values(kBothPostgres, kMixed);

TEST_P(LastResourceOf, CommitsAndEverybodyKnows) {
  world_.daemon().Start();
  Application& shop = Shop();
  const std::string gtid = world_.Move(shop);
  EXPECT_THAT(gtid, ::testing::EndsWith("-last"));
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_EQ(world_.PreparedBranches(), 0u);
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("committed"));
  ExpectOutcome(gtid, "committed");
  EXPECT_EQ(world_.OutcomeShown(gtid), "committed");
  EXPECT_THAT(world_.Cli({"show", gtid}).out, HasSubstr("left to its last resource to decide"));
}

TEST_P(LastResourceOf, WaitsForTheDecisionAlone) {
  world_.daemon().Start();
  Application& shop = Shop();
  const std::string gtid = world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit decision"), StartsWith("committed"));
  ExpectOutcome(gtid, "committed");
}

TEST_P(LastResourceOf, ARefusedCommitRollsBackWhatWasPrepared) {
  world_.daemon().Start();
  Application& shop = Shop();
  const std::string gtid = world_.Move(shop);
  // A deferred constraint: nobody knows before the COMMIT.
  shop.Tell("execute a CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  shop.Tell("execute a INSERT INTO late VALUES (1), (1)");
  EXPECT_THAT(shop.Ask("commit"),
              AllOf(StartsWith("aborted rolled-back-by-resource"), HasSubstr("late_id_key")));
  ExpectOutcome(gtid, "aborted");
  EXPECT_THAT(shop.Ask("outcome " + gtid), StartsWith("aborted rolled-back-by-resource"));
}

TEST_P(LastResourceOf, ANoVoteOfAnotherBranchRollsBackTheLastResource) {
  world_.daemon().Start();
  Application& shop = Shop();
  const std::string gtid = world_.Move(shop);
  // A failed statement dooms a transaction of PostgreSQL; SQLite's branch cannot change
  // definitions.
  const bool postgres = world_.bank('b').kind() == Kind::kPostgres;
  EXPECT_THAT(shop.Ask(postgres ? "execute b NONSENSE" : "execute b CREATE TABLE t (id int)"),
              StartsWith("error"));
  EXPECT_THAT(shop.Ask("commit"), StartsWith("aborted"));
  ExpectOutcome(gtid, "aborted");
}

INSTANTIATE_TEST_SUITE_P(Commit, LastResourceOf, kKinds, NameOfKinds);

class ClientDiesAt : public LastResource,
                     public ::testing::WithParamInterface<std::tuple<Death, Kinds>> {
 protected:
  ClientDiesAt() : LastResource(std::get<Kinds>(GetParam())) {}
  const Death& death() const { return std::get<Death>(GetParam()); }
  std::string FailpointOf() const {
    const std::string any = "other.";
    if (!death().where.starts_with(any)) return death().where;
    const bool postgres = std::get<Kinds>(GetParam()).b == Kind::kPostgres;
    return (postgres ? "postgres." : "sqlite.") + death().where.substr(any.size());
  }
};

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Death, Kinds>>& info) {
  std::string name =
      std::get<Death>(info.param).where + "_" + ToString(std::get<Kinds>(info.param));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == ':'; }, '_');
  return name;
}

// The client alone: the coordinator has the last resource asked.
TEST_P(ClientDiesAt, P07_AndTheNextProcessSettlesIt) {
  world_.daemon().Start();
  Application& shop = Shop(FailpointOf());
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint()) << "it never came to " << death().where;

  Application& next = world_.Start();
  ExpectOutcome(gtid, death().outcome);
  EXPECT_EQ(FirstWord(next.Ask("outcome " + gtid)), death().outcome);
}

// Both: the branch's name is all that is left, unless the record came through in time.
TEST_P(ClientDiesAt, P07_C04_AndTheCoordinatorDiesWithIt) {
  world_.daemon().Start();
  Application& shop = Shop(FailpointOf());
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint()) << "it never came to " << death().where;
  world_.daemon().Kill();
  world_.daemon().Start();

  Application& next = world_.Start();
  ExpectOutcome(gtid, death().outcome);
  // Of what is over in both databases, and whose record was lost, it may know nothing; it never
  // says the opposite.
  EXPECT_THAT(FirstWord(next.Ask("outcome " + gtid)), AnyOf(death().outcome, "unknown"));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, ClientDiesAt,
    ::testing::Combine(
        ::testing::Values(
            Death{"other.before_prepare", "aborted"}, Death{"other.after_prepare", "aborted"},
            Death{"client.prepared", "aborted"}, Death{"client.decided", "aborted"},
            Death{"postgres.before_commit", "aborted"}, Death{"postgres.after_commit", "committed"},
            Death{"client.last_committed", "committed"}, Death{"other.before_finish", "committed"},
            Death{"other.after_finish", "committed"}, Death{"client.finished_one", "committed"}),
        kKinds),
    NameOf);

class CoordinatorDies : public LastResource,
                        public ::testing::WithParamInterface<std::tuple<Death, Kinds>> {
 protected:
  CoordinatorDies() : LastResource(std::get<Kinds>(GetParam())) {}
};

// The coordinator alone: the client goes on by its leave, if it has that, and rolls back otherwise.
TEST_P(CoordinatorDies, C04_AndTheClientIsToldWhatIsSo) {
  const Death& death = std::get<Death>(GetParam());
  world_.StartDaemonToDieAt(death.where);
  Application& shop = Shop();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint()) << "it never came to " << death.where;
  world_.daemon().Start();

  const std::string told = FirstWord(shop.Answer());
  EXPECT_EQ(told, death.outcome);
  ExpectOutcome(gtid, death.outcome);
  EXPECT_THAT(FirstWord(shop.Ask("outcome " + gtid)), AnyOf(death.outcome, "unknown"));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CoordinatorDies,
    ::testing::Combine(::testing::Values(Death{"engine.leave_given", "aborted"},
                                         Death{"engine.acknowledged", "committed"},
                                         Death{"engine.acknowledged:2", "committed"},
                                         Death{"engine.before_end", "committed"},
                                         Death{"engine.ended", "committed"}),
                       kKinds),
    NameOf);

using WithoutRecord = LastResourceOf;

// The coordinator dies before its lazy record is written, the client with what it committed: the
// name of the prepared branch is all that there is.
TEST_P(WithoutRecord, C04_TheNameSaysWhomToAsk_AndItHadCommitted) {
  world_.StartDaemonToDieAt("log.before_lazy");
  Application& shop = Shop("postgres.after_commit");
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint());
  ASSERT_TRUE(world_.daemon().AwaitFailpoint()) << "it should have come to its lazy record";
  EXPECT_EQ(NamedBranches(), 1u);
  world_.daemon().Start();
  Application& next = world_.Start();
  ExpectOutcome(gtid, "committed");
  EXPECT_THAT(next.Ask("outcome " + gtid), StartsWith("committed"));
  EXPECT_THAT(world_.Cli({"show", gtid}).out, HasSubstr("found prepared in the name of branch 1"));
}

TEST_P(WithoutRecord, C04_TheNameSaysWhomToAsk_AndItHadNotCommitted) {
  world_.StartDaemonToDieAt("log.before_lazy");
  Application& shop = Shop("postgres.before_commit");
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint());
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  EXPECT_EQ(NamedBranches(), 1u);
  world_.daemon().Start();
  Application& next = world_.Start();
  ExpectOutcome(gtid, "aborted");
  EXPECT_THAT(next.Ask("outcome " + gtid), StartsWith("aborted"));
}

// The client needs nobody once it has leave. What is over in every database, and was recorded
// nowhere, is not presumed aborted.
TEST_P(WithoutRecord, C09_ItIsOverAndNothingIsLeft_AndTheOutcomeIsUnknown) {
  world_.StartDaemonToDieAt("log.before_lazy");
  Application& shop = Shop();
  const std::string gtid = world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  EXPECT_EQ(world_.PreparedBranches(), 0u);
  world_.daemon().Start();
  const auto answer = [&] { return shop.Ask("outcome " + gtid); };
  EXPECT_THAT(answer(), AllOf(StartsWith("unknown"), HasSubstr("last resource")));
  EXPECT_EQ(world_.HalvesOf(gtid), 2u);
}

// Nobody who can be asked: what is prepared stays so, and says whom it waits for.
TEST_P(WithoutRecord, P08_TheLastResourceIsOutOfReach_AndNothingIsGuessed) {
  world_.daemon().Start();
  Application& shop = Shop("client.last_committed");
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFailpoint());
  Application& other = world_.Start({.banks = "b"});  // nobody serves bank a
  // The caller is waited for first; then bank a is asked for, in vain.
  const auto asked = [&] {
    return world_.Cli({"in-doubt"}).out.find("no process serves a") != std::string::npos;
  };
  ASSERT_TRUE(WaitUntil(asked, 30s)) << world_.Cli({"in-doubt"}).out;
  EXPECT_EQ(NamedBranches(), 1u);
  EXPECT_THAT(other.Ask("outcome " + gtid), StartsWith("undecided"));
  EXPECT_THAT(world_.Cli({"explain", gtid}).out, HasSubstr("last resource"));

  world_.Start({.banks = "a"});
  ExpectOutcome(gtid, "committed");
  EXPECT_THAT(other.Ask("outcome " + gtid), StartsWith("committed"));
}

// The client is alive, its COMMIT has not been sent, and its session is lost: in progress.
TEST_P(WithoutRecord, C12_TheClientIsFrozenBeforeItsCommit_AndIsWaitedFor) {
  world_.daemon().Start();
  Application& shop = Shop("postgres.before_commit", Fault::kFreezes);
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(shop.AwaitFrozen());
  Application& other = world_.Start();
  const auto in_progress = [&] {
    return world_.Cli({"show", gtid}).out.find("still in progress") != std::string::npos;
  };
  ASSERT_TRUE(WaitUntil(in_progress, 30s)) << world_.Cli({"show", gtid}).out;
  EXPECT_EQ(NamedBranches(), 1u);
  EXPECT_THAT(other.Ask("outcome " + gtid), StartsWith("undecided"));
  shop.process().Signal(SIGCONT);
  EXPECT_THAT(shop.Answer(), StartsWith("committed"));
  ExpectOutcome(gtid, "committed");
}

INSTANTIATE_TEST_SUITE_P(Faults, WithoutRecord, kKinds, NameOfKinds);

}  // namespace
}  // namespace settle::testing
