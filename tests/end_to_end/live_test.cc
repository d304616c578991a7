// The decision and what the databases say now, side by side.
#include <libpq-fe.h>

#include <memory>

#include "end_to_end/agent.h"
#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Somebody else's session, which sends a statement and does not wait for its answer.
class Session {
 public:
  Session(const std::string& dsn, const std::string& application)
      : pg_(PQconnectdb((AfterColon(dsn) + " application_name='" + application + "'").c_str()),
            &PQfinish) {
    EXPECT_EQ(PQstatus(pg_.get()), CONNECTION_OK) << PQerrorMessage(pg_.get());
  }
  int pid() const { return PQbackendPID(pg_.get()); }
  void Send(const std::string& sql) { EXPECT_EQ(PQsendQuery(pg_.get(), sql.c_str()), 1); }
  // Blocking, until its statement was carried out.
  std::string Answer() {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQgetResult(pg_.get()), &PQclear);
    return PQcmdStatus(result.get());
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> pg_;
};

// A transfer that is decided to commit, prepared in both banks; the process of bank b is gone.
class SideBySide : public EndToEnd {
 protected:
  SideBySide() : EndToEnd(kBothPostgres) {}

  void LeaveInDoubt() {
    world_.StartDaemonToDieAt("engine.decided");
    Application& shop = world_.Start({.banks = "a"});
    Application& service = world_.Start({.banks = "b"});
    gtid_ = world_.MoveTogether(shop, service);
    shop.Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    ASSERT_EQ(world_.PreparedBranches(), 2u);
    service.Kill();
  }
  nlohmann::json Show() { return world_.Cli({"show", gtid_, "--timeout", "20s"}).json; }
  nlohmann::json Explain() { return world_.Cli({"explain", gtid_, "--timeout", "20s"}).json; }
  // What is so of the branch in bank b.
  nlohmann::json LiveInB() { return Show().value("/live/1"_json_pointer, nlohmann::json()); }
  bool AwaitBranchA() {
    return WaitUntil(
        [&] { return Show().value("/branches/0/state"_json_pointer, "") == "committed"; });
  }

  std::string gtid_;
};

TEST_F(SideBySide, P08_WhoWaitsBehindABranchInDoubtIsNamedWithHowLong) {
  LeaveInDoubt();
  // Whoever serves b now has a role that may not end what another one prepared.
  world_.bank('b').Query("CREATE ROLE clerk LOGIN");
  world_.bank('b').Query("GRANT SELECT, INSERT, UPDATE ON account, transfer TO clerk");
  world_.Redirect('b', world_.bank('b').Dsn() + " user=clerk");
  world_.daemon().Start();
  world_.Start({.banks = "b"});
  ASSERT_TRUE(AwaitBranchA());
  Session billing(world_.bank('b').Dsn(), "bill\x1b[31ming");
  billing.Send("UPDATE account SET balance = balance");
  ASSERT_TRUE(WaitUntil([&] { return LiveInB().value("/state/waiting"_json_pointer, 0) == 1; }))
      << Show().dump(2);

  const nlohmann::json live = LiveInB();
  EXPECT_EQ(live["comparison"], "prepared; is committed when the decision reaches it");
  EXPECT_EQ(live["contradicts"], false);
  EXPECT_EQ(live["state"]["prepared"], true);
  EXPECT_EQ(live["state"]["proof"], "in progress");
  EXPECT_EQ(live["state"]["role"], "postgres");
  EXPECT_THAT(live["state"]["relations"].get<std::vector<std::string>>(), Contains("account"));
  const nlohmann::json waiter = live["state"]["waiters"][0];
  EXPECT_EQ(waiter["process_id"], billing.pid());
  EXPECT_EQ(waiter["relation"], "account");
  EXPECT_THAT(waiter["application"], AllOf(StartsWith("bill"), HasSubstr("ing")));
  EXPECT_EQ(waiter["application"].get<std::string>().find('\x1b'), std::string::npos);
  EXPECT_THAT(live["who_waits"], HasSubstr("1 session waits behind it, for "));
  const nlohmann::json explained = Explain();
  EXPECT_THAT(explained["happened"].dump(),
              AllOf(HasSubstr("It is decided, durably: commit."),
                    HasSubstr("1 session waits behind it"), HasSubstr("permission denied")));
  EXPECT_THAT(explained["harmful"].dump(), HasSubstr("ROLLBACK PREPARED"));

  world_.Redirect('b', world_.bank('b').Dsn());
  world_.Start({.banks = "b"});
  EXPECT_THAT(billing.Answer(), StartsWith("UPDATE")) << "it got through";
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(SideBySide, P08_ADatabaseThatNobodyServesIsNamedWithTheCommandThatServesIt) {
  LeaveInDoubt();
  world_.daemon().Start();
  ASSERT_TRUE(AwaitBranchA());
  const nlohmann::json live = LiveInB();
  ASSERT_TRUE(live.is_object()) << Show().dump(2);
  EXPECT_EQ(live["unserved"], true);
  EXPECT_EQ(live["state"], nullptr);
  EXPECT_EQ(live["why_not"], "no process has served it since the coordinator was started");
  const nlohmann::json explained = Explain();
  EXPECT_THAT(explained["waits_for"].dump(), HasSubstr("has not been reachable"));
  EXPECT_EQ(explained["commands"][0],
            "settle agent --resource b --dsn 'DSN' --address " + world_.daemon().address());

  Agent agent(world_, 'b');
  EXPECT_TRUE(WaitUntil([&] { return Show()["state"] == "done"; })) << agent.Said();
  nlohmann::json done;
  ASSERT_TRUE(WaitUntil([&] {
    done = LiveInB();
    return done.is_object() && done["state"].is_object();
  })) << Show().dump(2);
  EXPECT_EQ(done["state"]["proof"], "committed") << "an agent can be asked as well";
  EXPECT_THAT(done["process"], HasSubstr("agent"));
  EXPECT_EQ(done["contradicts"], false);
  agent.Stop();
  ASSERT_TRUE(WaitUntil([&] {
    const nlohmann::json now = LiveInB();
    return now.is_object() && now["unserved"] == true;
  })) << Show().dump(2);
  EXPECT_THAT(LiveInB()["why_not"], StartsWith("no process serves it since 20"));
}

TEST_F(SideBySide, P06_ABranchThatWasRolledBackByHandContradictsTheDecisionInWords) {
  LeaveInDoubt();
  world_.bank('b').RollBackByHand(world_.bank('b').Prepared().at(0));
  world_.daemon().Start();
  world_.Start({.banks = "b"});
  ASSERT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == "mixed"; }));
  const nlohmann::json live = LiveInB();
  EXPECT_EQ(live["contradicts"], true);
  EXPECT_EQ(live["state"]["prepared"], false);
  EXPECT_EQ(live["state"]["proof"], "aborted");
  EXPECT_THAT(live["comparison"], HasSubstr("heuristic rollback"));
  EXPECT_THAT(Explain()["happened"].dump(), HasSubstr("CONTRADICTION"));
}

TEST_F(SideBySide, WithoutLiveNobodyIsAsked) {
  LeaveInDoubt();
  world_.daemon().Start();
  const nlohmann::json shown = world_.Cli({"show", gtid_, "--no-live"}).json;
  EXPECT_EQ(shown["gtid"], gtid_);
  EXPECT_FALSE(shown.contains("live"));
  EXPECT_TRUE(world_.Cli({"explain", gtid_, "--no-live"}).json["live"].empty());
}

}  // namespace
}  // namespace settle::testing
