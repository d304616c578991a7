// `settle agent`: a resource whose every process is gone is finished by the stock agent.
#include "end_to_end/agent.h"

#include <algorithm>
#include <csignal>
#include <fstream>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::size_t CountOf(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) ++count;
  return count;
}

class AgentOf : public WithBothBanks {
 protected:
  // Both branches are prepared, and every process that served the banks is dead; so is the daemon.
  void LeavePrepared(const std::string& failpoint) {
    world_.StartDaemonToDieAt(failpoint);
    Application& shop = world_.Start({.banks = "a"});
    Application& service = world_.Start({.banks = "b"});
    gtid_ = world_.MoveTogether(shop, service);
    shop.Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    ASSERT_EQ(world_.PreparedBranches(), 2u);
    shop.Kill();
    service.Kill();
  }
  bool AwaitNothingPrepared() {
    return WaitUntil([&] { return world_.PreparedBranches() == 0; });
  }

  std::string gtid_;
};

TEST_P(AgentOf, P08_AllProcessesOfANameAreDeadAfterPrepare_TheDecisionIsCarriedOutByAgents) {
  LeavePrepared("engine.decided");
  world_.daemon().Start();
  EXPECT_EQ(world_.OutcomeShown(gtid_), "committed");
  const CliAnswer retried = world_.Cli({"retry", gtid_});
  EXPECT_EQ(retried.code, 0) << retried.out;
  EXPECT_THAT(retried.json["sent"][0]["sessions"], IsEmpty()) << "nobody is there";
  EXPECT_EQ(world_.PreparedBranches(), 2u) << "it waits, aged and shown, for whoever returns";
  EXPECT_EQ(world_.Cli({"in-doubt", "--check"}).code, 6);
  EXPECT_FALSE(world_.bank('a').Writable());

  Agent a(world_, 'a');
  Agent b(world_, 'b');
  EXPECT_TRUE(AwaitNothingPrepared()) << a.Said() << b.Said();
  EXPECT_EQ(world_.HalvesOf(gtid_), 2u);
  for (const char bank : {'a', 'b'}) EXPECT_TRUE(world_.bank(bank).Writable()) << bank;
  EXPECT_TRUE(a.AwaitLine("a: committed branch 1 of " + gtid_)) << a.Said();
  EXPECT_TRUE(b.AwaitLine("b: committed branch 9 of " + gtid_)) << b.Said();
  EXPECT_EQ(a.Stop(SIGTERM), (Ended{0, {}}));
  EXPECT_EQ(b.Stop(SIGINT), (Ended{0, {}}));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.Cli({"status"}).json["sessions"], 0) << "an agent that stops detaches";
}

TEST_P(AgentOf, P08_WithoutADecision_AgentsRollBackWhatIsPresumedAborted) {
  LeavePrepared("engine.before_decision");
  world_.daemon().Start();
  Agent a(world_, 'a');
  Agent b(world_, 'b');
  EXPECT_TRUE(AwaitNothingPrepared()) << a.Said() << b.Said();
  EXPECT_EQ(world_.HalvesOf(gtid_), 0u);
  for (const char bank : {'a', 'b'}) EXPECT_TRUE(world_.bank(bank).Writable()) << bank;
  EXPECT_TRUE(a.AwaitLine("a: aborted branch 1 of " + gtid_)) << a.Said();
  EXPECT_EQ(world_.OutcomeShown(gtid_), "aborted");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(AgentOf, P08_TheOwnersComingBackAtTheSameTimeDoNoHarm) {
  LeavePrepared("engine.decided");
  world_.daemon().Start();
  Agent a(world_, 'a');
  Application& shop = world_.Start();
  Agent b(world_, 'b');
  EXPECT_TRUE(AwaitNothingPrepared()) << a.Said() << b.Said();
  EXPECT_EQ(world_.HalvesOf(gtid_), 2u);
  // And they work on with the agents beside them, which take nothing from them.
  const std::string more = world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_EQ(world_.HalvesOf(more), 2u);
  EXPECT_THAT(a.Said() + b.Said(), Not(HasSubstr(more)));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

// A prepare goes to the process that did the work and to no agent: every transfer commits.
TEST_P(AgentOf, AnAgentBesideWorkingApplicationsIsNeverAskedToPrepare) {
  world_.daemon().Start();
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  Agent a(world_, 'a');
  Agent b(world_, 'b');
  ASSERT_TRUE(a.AwaitLine(": attached"));
  ASSERT_TRUE(b.AwaitLine(": attached"));
  for (int i = 0; i < 5; ++i) {
    const std::string gtid = world_.MoveTogether(shop, service);
    EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
    EXPECT_EQ(world_.HalvesOf(gtid), 2u);
    EXPECT_THAT(a.Said() + b.Said(), Not(HasSubstr(gtid)));
  }
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_P(AgentOf, P08_OnceFinishesWhatIsInDoubtAndExits) {
  LeavePrepared("engine.decided");
  world_.daemon().Start();
  for (const char bank : {'a', 'b'}) {
    Agent once(world_, bank, {"--once"});
    EXPECT_EQ(once.process().Wait(), (Ended{0, {}})) << once.Said();
    EXPECT_THAT(once.Said(), HasSubstr(std::string(1, bank) + ": nothing is left in doubt"));
  }
  EXPECT_EQ(world_.PreparedBranches(), 0u);
  EXPECT_EQ(world_.HalvesOf(gtid_), 2u);
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Banks, AgentOf, kEveryKind, NameOfKinds);

class PostgresAgent : public EndToEnd {
 protected:
  PostgresAgent() : EndToEnd(kBothPostgres) {}
};

TEST_F(PostgresAgent, P08_OnceNamesWhatItCannotFinish) {
  world_.daemon().Start();
  const std::string foreign = "settle:zzzzzzzzzzzz.1.1.00000000:1";
  world_.bank('a').Query(
      "BEGIN; UPDATE account SET balance = balance WHERE id = 1; PREPARE TRANSACTION '" + foreign +
      "'");
  Agent once(world_, 'a', {"--once", "--timeout", "20s"});
  EXPECT_EQ(once.process().Wait(), (Ended{6, {}})) << once.Said();
  EXPECT_THAT(once.Said(), HasSubstr(foreign + ": left alone: "));
  EXPECT_THAT(world_.bank('a').Prepared(), ElementsAre(foreign)) << "another coordinator's";
}

TEST_F(PostgresAgent, TheCoordinatorAndTheDatabaseGoAwayAndComeBack_OneLineEach) {
  world_.daemon().Start();
  world_.daemon().Kill();
  Agent agent(world_, 'a');
  ASSERT_TRUE(agent.AwaitLine("a: not attached: no coordinator can be reached"));
  world_.daemon().Start();
  ASSERT_TRUE(agent.AwaitLine("a: attached to the coordinator"));
  world_.daemon().Kill();
  ASSERT_TRUE(agent.AwaitLine("not attached to the coordinator: "));
  world_.daemon().Start();
  ASSERT_TRUE(agent.AwaitLine("attached to the coordinator again"));
  // Twice away, each time for many attempts: at most a line for the lost connection and one for
  // that nobody listens.
  EXPECT_GE(CountOf(agent.Said(), "(trying again)"), 2u) << agent.Said();
  EXPECT_LE(CountOf(agent.Said(), "(trying again)"), 4u) << agent.Said();

  // A decision that the database cannot carry out while it is away.
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  ASSERT_EQ(world_.PreparedBranches(), 2u);
  shop.Kill();
  world_.cluster().Kill();
  world_.daemon().Start();
  ASSERT_TRUE(agent.AwaitLine("a: could not commit branch 1 of " + gtid)) << agent.Said();
  world_.cluster().Start();
  world_.Cli({"retry", gtid});
  ASSERT_TRUE(agent.AwaitLine("a: committed branch 1 of " + gtid)) << agent.Said();
  EXPECT_LE(CountOf(agent.Said(), "could not commit"), 3u) << "one for each try? " << agent.Said();
  Agent b(world_, 'b');
  EXPECT_TRUE(WaitUntil([&] { return world_.PreparedBranches() == 0; }));
  EXPECT_EQ(agent.Stop(), (Ended{0, {}}));
  EXPECT_THAT(agent.Said(), EndsWith("detached\n"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  world_.daemon().Kill();
  EXPECT_EQ(b.Stop(), (Ended{0, {}}));
  EXPECT_THAT(b.Said(), Not(HasSubstr("detached\n")));
  EXPECT_THAT(b.Said(), HasSubstr("stopped, but the coordinator could not be told"));
}

TEST_F(PostgresAgent, TheLastLineOfOnceIsItsResult) {
  world_.daemon().Start();
  Agent once(world_, 'a', {"--once", "--json"});
  EXPECT_EQ(once.process().Wait(), (Ended{0, {}})) << once.Said();
  EXPECT_THAT(once.Said(), EndsWith("{\"line\":\"detached\"}\n{\"resource\":\"a\",\"left\":[]}\n"));
}

TEST_F(PostgresAgent, X04_APasswordOnTheCommandLineIsRefusedAndPrintedNowhere) {
  world_.daemon().Start();
  for (const char* dsn :
       {"host=localhost password=geheim", "postgresql://agent:geheim@localhost/a", "geheim"}) {
    const CliAnswer answer = world_.Cli({"agent", "--resource", "a", "--dsn", dsn});
    EXPECT_EQ(answer.code, 2) << dsn;
    EXPECT_THAT(answer.out + answer.err, Not(HasSubstr("geheim")));
  }
}

TEST_F(PostgresAgent, P09_AnotherDatabaseUnderTheNameIsRefusedAndTheAgentEnds) {
  world_.daemon().Start();
  world_.Start({.banks = "a"});
  Launch launch{.arguments = {Program("settle"), "agent", "--address", world_.daemon().address(),
                              "--resource", "a", "--dsn", AfterColon(world_.bank('b').Dsn())},
                .output_path = world_ / "wrong.out",
                .user = std::nullopt};
  Process wrong(launch);
  EXPECT_EQ(wrong.Wait(), (Ended{1, {}}));
  EXPECT_THAT(wrong.Output(), HasSubstr("settle participants accept"));
}

TEST_F(PostgresAgent, ANameThatTheCoordinatorDoesNotKnowIsWarnedOfBeforeItIsBound) {
  world_.daemon().Start();
  const std::string warning = "knows no resource a yet";
  Agent first(world_, 'a');
  ASSERT_TRUE(first.AwaitLine("a: attached to the coordinator"));
  EXPECT_LT(first.Said().find(warning), first.Said().find("a: attached")) << first.Said();
  Agent second(world_, 'a');
  ASSERT_TRUE(second.AwaitLine("a: attached to the coordinator"));
  EXPECT_THAT(second.Said(), Not(HasSubstr(warning)));
}

class SqliteAgent : public EndToEnd {
 protected:
  SqliteAgent() : EndToEnd(kBothSqlite) {}
};

TEST_F(SqliteAgent, ALiveDecisionLogIsRefusedAndTheCoordinatorGoesOn) {
  world_.daemon().Start();
  const CliAnswer answer =
      world_.Cli({"agent", "--resource", "a", "--sqlite", world_.daemon().log_path()});
  EXPECT_EQ(answer.code, 2) << answer.out;
  EXPECT_THAT(answer.out, HasSubstr("decision log"));
  Application& shop = world_.Start();
  world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit"), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  world_.daemon().Kill();
  for (const char* suffix : {"", "-wal"}) {
    std::ifstream log(world_.daemon().log_path() + suffix, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(log), {});
    EXPECT_THAT(bytes, Not(HasSubstr("settle_identity"))) << suffix;
  }
}

}  // namespace
}  // namespace settle::testing
