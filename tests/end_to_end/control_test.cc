// What operators hold back and what is written down of it, through kill -9.
#include <sstream>

#include "end_to_end/fixture.h"
#include "support/raw_peer.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Controlled : public EndToEnd {
 protected:
  Controlled() : EndToEnd(kBothSqlite) {}

  CliAnswer Do(std::vector<std::string> words) {
    words.insert(words.end(), {"--operator", "alice"});
    return world_.Cli(words);
  }
  void Restart() {
    world_.daemon().Kill();
    world_.daemon().Start();
  }
  // What the daemon's newest life answers at /readyz.
  std::string Ready() {
    const std::string words = "metrics and health on http://";
    const std::string said = world_.daemon().Said();
    const std::size_t at = said.rfind(words);
    if (at == std::string::npos) return "no HTTP";
    std::istringstream rest(said.substr(at + words.size()));
    std::string address;
    rest >> address;
    RawPeer peer(address);
    peer.Send("GET /readyz HTTP/1.1\r\nHost: here\r\n\r\n");
    return peer.ReadToEnd(20s).value_or("nothing, and the connection is open");
  }
  // Of the newest action.
  nlohmann::json Newest() { return world_.Cli({"audit"}).json["actions"].at(0); }
  // It is repeated by the SDK for so long.
  Application& ImpatientShop() { return world_.Start({.call_timeout = 500ms}); }
};

TEST_F(Controlled, APauseHoldsAfterAKillAndSoDoesItsEnd) {
  world_.daemon().Start();
  Application& shop = ImpatientShop();
  ASSERT_EQ(Do({"pause", "b", "--reason", "its disk is full"}).code, 0);
  Restart();
  const nlohmann::json status = world_.Cli({"status"}).json;
  EXPECT_EQ(status["pauses"][0]["name"], "b");
  EXPECT_EQ(status["pauses"][0]["operator"], "alice");
  EXPECT_TRUE(WaitUntil([&] {
    const nlohmann::json rows = world_.Cli({"participants"}).json["participants"];
    return rows.size() == 2 && rows[0]["pause"].is_null() &&
           rows[1]["pause"]["reason"] == "its disk is full" && rows[1]["sessions"].size() == 1;
  }));
  const std::string gtid = shop.Begin();
  shop.Tell("move a -10");
  EXPECT_THAT(shop.Ask("move b 10"), AllOf(StartsWith("error retry b is paused by alice since "),
                                           HasSubstr("its disk is full")));
  shop.Ask("abort");
  ASSERT_EQ(Do({"resume", "b", "--reason", "mended"}).code, 0);
  Restart();
  EXPECT_THAT(world_.Cli({"status"}).json["pauses"], IsEmpty());
  EXPECT_TRUE(WaitUntil([&] {  // attached again
    const nlohmann::json rows = world_.Cli({"participants"}).json["participants"];
    return rows.size() == 2 && rows[0]["sessions"].size() == 1 && rows[1]["sessions"].size() == 1;
  }));
  world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit applied"), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(Controlled, NothingNewIsBegunWhilePausedAndWhatRunsEnds) {
  world_.daemon().Start();
  Application& shop = ImpatientShop();
  Application& late = ImpatientShop();
  world_.Move(shop);
  ASSERT_EQ(Do({"pause", "--all", "--reason", "an upgrade"}).code, 0);
  EXPECT_THAT(late.Ask("begin 30000"),
              AllOf(StartsWith("error retry nothing new is begun: everything new is paused by "
                               "alice since "),
                    HasSubstr("an upgrade")));
  EXPECT_THAT(shop.Ask("commit applied"), StartsWith("committed"));
  Restart();
  // Its code may be that of the connection, which was lost: what was answered last is told with it.
  EXPECT_THAT(late.Ask("begin 30000"),
              AllOf(StartsWith("error "), HasSubstr("nothing new is begun: everything new")));
  ASSERT_EQ(Do({"resume", "--all", "--reason", "done"}).code, 0);
  world_.Move(late);
  EXPECT_THAT(late.Ask("commit applied"), StartsWith("committed"));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

TEST_F(Controlled, ADrainWaitsForWhatIsNotDecidedAndHoldsAfterAKill) {
  world_.daemon().options = {"--http-listen", "127.0.0.1:0"};
  world_.daemon().Start();
  Application& shop = ImpatientShop();
  world_.Move(shop);
  const CliAnswer over = Do({"drain", "--wait", "300ms", "--reason", "an upgrade"});
  EXPECT_EQ(over.code, 9);
  EXPECT_EQ(over.json["undecided"], 1);
  EXPECT_EQ(over.json["drained"], false);
  EXPECT_THAT(Ready(), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("drained by alice")));
  EXPECT_THAT(shop.Ask("commit applied"), StartsWith("committed"));
  const CliAnswer drained = Do({"drain"});
  EXPECT_EQ(drained.code, 0) << drained.out;
  EXPECT_EQ(drained.json["drained"], true);
  EXPECT_EQ(drained.json["drain"]["reason"], "an upgrade") << "the first one's";
  Restart();
  EXPECT_EQ(world_.Cli({"status"}).json["pauses"][0]["scope"], "drain");
  EXPECT_TRUE(WaitUntil([&] { return Ready().starts_with("HTTP/1.1 503 "); })) << Ready();
  ASSERT_EQ(Do({"drain", "--off"}).code, 0);
  EXPECT_THAT(Ready(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(Do({"drain", "--off"}).code, 3) << "it is not drained any more";
  world_.Move(shop);
  EXPECT_THAT(shop.Ask("commit applied"), StartsWith("committed"));
}

TEST_F(Controlled, KilledBetweenAskedAndDoneTheTrailSaysAsked) {
  world_.daemon().Start();
  world_.Start();
  const auto killed_at = [&](const std::string& failpoint) {
    world_.daemon().Kill();
    world_.daemon().Start(failpoint);
    // The reply is lost: it may or may not have been done.
    EXPECT_EQ(Do({"pause", "b", "--reason", "its disk is full"}).code, 7);
    EXPECT_TRUE(world_.daemon().AwaitFailpoint()) << failpoint;
    world_.daemon().Start();
    const nlohmann::json asked = Newest();
    EXPECT_EQ(asked["action"], "pause");
    EXPECT_EQ(asked["target"], "b");
    EXPECT_EQ(asked["operator"], "alice");
    EXPECT_EQ(asked["reason"], "its disk is full");
    EXPECT_EQ(asked["result"], "asked");
    EXPECT_TRUE(asked["answered"].is_null());
  };
  killed_at("audit.asked");
  EXPECT_THAT(world_.Cli({"status"}).json["pauses"], IsEmpty()) << "nothing was done";
  killed_at("audit.acted");
  EXPECT_THAT(world_.Cli({"status"}).json["pauses"], SizeIs(1)) << "it was done";
  // Once more, to its end.
  ASSERT_EQ(Do({"pause", "b", "--reason", "its disk is full"}).code, 0);
  EXPECT_EQ(Newest()["result"], "done");
  EXPECT_EQ(world_.Cli({"audit"}).json["damage"], "");
}

TEST_F(Controlled, TheTrailTellsOperatorsAndTransactionsApart) {
  world_.daemon().Start();
  Application& shop = world_.Start();
  const std::string gtid = world_.Move(shop);
  ASSERT_EQ(world_.Cli({"resolve", gtid, "commit", "--reason", "no", "--operator", "bob"}).code, 1);
  ASSERT_EQ(Do({"resolve", gtid, "abort", "--reason", "stuck"}).code, 0);
  const auto actions = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "audit");
    return world_.Cli(words).json["actions"];
  };
  const nlohmann::json all = actions({"--gtid", gtid, "--since", "1h"});
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0]["action"], "resolve to abort");
  EXPECT_EQ(all[0]["result"], "done");
  EXPECT_THAT(all[0]["caller"].get<std::string>(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(all[1]["result"].get<std::string>(), StartsWith("refused: "));
  EXPECT_THAT(actions({"--operator", "bob"}), SizeIs(1));
  EXPECT_THAT(actions({"--operator", "carol"}), IsEmpty());
}

TEST_F(Controlled, ARowThatSomebodyChangedIsFoundAtTheNextStart) {
  world_.daemon().Start();
  world_.Start();
  ASSERT_EQ(Do({"pause", "b", "--reason", "its disk is full"}).code, 0);
  ASSERT_EQ(world_.daemon().Terminate()->code, 0);
  OpenSqliteFile(world_.daemon().log_path())->Query("DROP TRIGGER audit_is_not_changed; ");
  OpenSqliteFile(world_.daemon().log_path())
      ->Query("UPDATE audit SET operator_name = 'bob' WHERE number = 1");
  world_.daemon().Start();
  EXPECT_EQ(world_.Cli({"audit"}).json["damage"], "row 1 is not as it was written");
  EXPECT_EQ(world_.Cli({"status"}).json["audit"]["damage"], "row 1 is not as it was written");
  EXPECT_TRUE(WaitUntil([&] {
    return world_.daemon().Said().find("the audit trail is not as it was written: row 1") !=
           std::string::npos;
  }));
  EXPECT_EQ(Do({"resume", "b", "--reason", "mended"}).code, 0) << "it goes on";
}

}  // namespace
}  // namespace settle::testing
