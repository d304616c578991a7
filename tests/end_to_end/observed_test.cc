// What a daemon and those who work for it tell of themselves while every protocol runs and things
// go wrong: its log line by line, its metrics, and that no secret is in any of it.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "end_to_end/agent.h"
#include "end_to_end/fixture.h"
#include "settle/coordinator.h"
#include "settle/postgres_resource.h"
#include "support/raw_peer.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kTraceId = "0af7651916cd43dd8448eb211c80319c";
const std::string kTrace = "00-" + kTraceId + "-b7ad6b7169203331-01";
constexpr const char* kAnyPort = "127.0.0.1:0";

// Business data, each in a place of its own.
const std::string kInput = "s3cr3t-input", kResult = "s3cr3t-result", kKey = "s3cr3t-key",
                  kTryInput = "s3cr3t-try", kTryResult = "s3cr3t-tried", kSetInput = "s3cr3t-set",
                  kPassword = "s3cr3t-dsn";
const std::string kNeverSaid = "s3cr3t";

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class Observed : public EndToEnd {
 protected:
  Observed() : EndToEnd(kBothSqlite) {
    world_.daemon().options = {"--log-format", "json",          "--log-level",
                               "debug",        "--http-listen", "127.0.0.1:0"};
  }

  // The lines of the log of all lives; what is no JSON is a failure.
  std::vector<nlohmann::json> Log() {
    std::vector<nlohmann::json> log;
    for (const std::string& line : LinesOf(world_.daemon().Said())) {
      if (line.starts_with("--- life ") || line.find(": ready on ") != line.npos) continue;
      nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(parsed.is_object()) << line;
      if (parsed.is_object()) log.push_back(std::move(parsed));
    }
    return log;
  }
  bool AwaitLogged(const std::string& words) {
    return WaitUntil([&] { return world_.daemon().Said().find(words) != std::string::npos; });
  }

  std::string Metrics() {
    const std::string words = "metrics and health on http://";
    const std::string said = world_.daemon().Said();
    const std::size_t at = said.rfind(words) + words.size();
    RawPeer peer(said.substr(at, said.find('"', at) - at));
    peer.Send("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    return peer.ReadToEnd(20s).value_or("");
  }

  std::string CommitOf(Application& shop) { return FirstWord(shop.Ask("commit")); }

  // Two databases, one, none; by the application and by an operator.
  void RunTwoPhase() {
    Application& shop = world_.Start({});
    shop.Tell("begin 30000 " + kTrace);
    shop.Tell("move a -10");
    shop.Tell("move b 10");
    EXPECT_EQ(CommitOf(shop), "committed");
    shop.Begin();
    shop.Tell("move a -10");
    EXPECT_EQ(CommitOf(shop), "committed");  // its only resource decides
    shop.Begin();
    shop.Tell("move a -10");
    EXPECT_EQ(FirstWord(shop.Ask("abort")), "aborted");
    const std::string open = shop.Begin();
    const CliAnswer resolved = world_.Cli({"resolve", open, "abort", "--reason", "it hangs"});
    EXPECT_EQ(resolved.code, 0) << resolved.err;
    shop.Tell("begin 30000 this-is-no-trace");
    EXPECT_EQ(FirstWord(shop.Ask("abort")), "aborted");
  }
  // The daemon dies before its decision; the next life presumes.
  void RunPresumedAbort() {
    world_.StartDaemonToDieAt("engine.before_decision");
    Application& shop = world_.Start({});
    world_.Move(shop);
    shop.Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    shop.Kill();  // else it asks by itself what became of it
    world_.daemon().Start();
    world_.Start({});
    EXPECT_TRUE(AwaitLogged("found branch 1 prepared; told to abort"));
  }
  void RunThreePhase() {
    Application& shop = world_.Start({.banks = "a", .peers = kAnyPort});
    Application& service = world_.Start({.banks = "b", .peers = kAnyPort});
    world_.MoveTogether(shop, service);
    EXPECT_EQ(CommitOf(shop), "committed");
  }

  void Connect() {
    auto shop = ActionParticipant::Make({.name = "shop"});
    const auto note = [this](const ActionContext& call) { traces_.insert(call.trace_parent); };
    shop->Serve(
        "work",
        [note](const ActionContext& call) {
          note(call);
          return Done("{\"card\": \"" + kResult + "\"}");
        },
        [](const ActionContext&) {
          return Done(kResult + " is no JSON");  // and so nobody knows whether it was done
        });
    shop->Serve("fail", [](const ActionContext&) { return Failed("sold out"); });
    shop->ServeTry(
        "reserve", [](const ActionContext&) { return Done("{\"seat\": \"" + kTryResult + "\"}"); },
        [](const ActionContext&) { return Done(); }, [](const ActionContext&) { return Done(); });
    auto coordinator =
        Coordinator::Connect({.addresses = {world_.daemon().address()},
                              .application = "shop",
                              .participants = {shop},
                              .warn = [this](const std::string& line) { warned_ += line + "\n"; }});
    ASSERT_TRUE(coordinator) << Describe(coordinator.error());
    coordinator_ = *std::move(coordinator);
  }
  void RunReservation() {
    auto transaction = coordinator_->Begin({.comment = "public", .trace_parent = kTrace});
    ASSERT_TRUE(transaction);
    EXPECT_EQ(transaction->trace_parent(), kTrace);
    ASSERT_TRUE(transaction->Try("shop", "reserve", "{\"card\": \"" + kTryInput + "\"}"));
    EXPECT_TRUE(transaction->Commit().committed());
  }
  void RunSagas() {
    Saga order("order");
    order.Step("work", "shop", "work").Input(SagaValue::Json("{\"card\": \"" + kInput + "\"}"));
    const Result<Gtid> good =
        coordinator_->StartSaga(order, {.input = SagaValue::Json("{\"pin\": \"" + kInput + "\"}"),
                                        .comment = "public",
                                        .request_key = kKey,
                                        .trace_parent = kTrace});
    ASSERT_TRUE(good) << Describe(good.error());
    EXPECT_TRUE(coordinator_->AwaitSaga(*good, kPatience)->ending.committed());
    EXPECT_THAT(traces_, Contains(kTrace));

    // What it did cannot be undone, until an operator gives it another input and then gives up.
    Saga stuck("stuck");
    auto work = stuck.Step("work", "shop", "work").Retry({.first = 1ms, .maximum = 5ms});
    stuck.Step("fail", "shop", "fail").After(work).NeverCompensate();
    const Result<Gtid> bad = coordinator_->StartSaga(stuck, {.trace_parent = kTrace});
    ASSERT_TRUE(bad) << Describe(bad.error());
    ASSERT_TRUE(AwaitLogged("its result is not JSON")) << "nobody was told that it is stuck";
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"set-input", bad->text(), "--step", "work", "--input",
                                   "{\"card\": \"" + kSetInput + "\"}", "--reason", "try this"},
          {"skip", bad->text(), "--step", "work", "--reason", "burnt down"},
          {"forget", bad->text(), "--reason", "paid back by hand"}}) {
      const CliAnswer done = world_.Cli(words);
      EXPECT_EQ(done.code, 0) << words[0] << ": " << done.err << done.out;
      said_ += done.err;
    }
  }

  std::set<std::string> traces_;
  std::string warned_;
  std::string said_;  // by the command, when something went wrong
  std::unique_ptr<Coordinator> coordinator_;
};

TEST_F(Observed, X04_EveryLineAboutATransactionHasItsGtidAsAFieldAndNoneASecret) {
  RunPresumedAbort();
  RunTwoPhase();
  RunThreePhase();
  Connect();
  RunReservation();
  RunSagas();

  const std::string metrics = Metrics();
  for (const std::string protocol : {"two-phase", "three-phase", "one-phase", "tcc", "saga"}) {
    EXPECT_THAT(metrics, ::testing::ContainsRegex("settle_transactions_ended_total\\{protocol=\"" +
                                                  protocol + "\",outcome=\"committed\"\\} [1-9]"));
  }
  coordinator_.reset();
  world_.daemon().Terminate();

  const std::regex gtid_in_text("[a-z0-9]{12}\\.[0-9]+\\.[0-9]+\\.[0-9a-f]{8}");
  const std::regex session("[0-9a-f]{32}");
  std::set<std::string> gtids, levels, whats;
  std::size_t traced = 0;
  for (const nlohmann::json& line : Log()) {
    const std::string what = line.at("what");
    whats.insert(what);
    levels.insert(line.at("level"));
    EXPECT_FALSE(std::regex_search(what, session)) << "a whole session's name? " << line;
    std::smatch found;
    if (std::regex_search(what, found, gtid_in_text)) {
      EXPECT_TRUE(line.contains("gtid")) << line;
    }
    if (!line.contains("gtid")) continue;
    gtids.insert(line["gtid"]);
    EXPECT_TRUE(std::regex_match(std::string(line["gtid"]), gtid_in_text)) << line;
    if (line.contains("trace_id")) {
      ++traced;
      EXPECT_EQ(line["trace_id"], kTraceId);
      EXPECT_EQ(line["span_id"], "b7ad6b7169203331");
    }
  }
  EXPECT_GE(gtids.size(), 9u) << "not every transaction is there";
  EXPECT_GE(traced, 4u);
  EXPECT_THAT(levels, IsSupersetOf({"debug", "info", "warning", "error"}));
  // What was to go wrong did, and was told.
  for (const char* words :
       {"found branch 1 prepared; told to abort", "resolves it to abort: it hangs",
        "its result is not JSON", "burnt down", "try this", "paid back by hand",
        "is no W3C traceparent: ignored", "committed", "SIGTERM"}) {
    EXPECT_THAT(whats, Contains(HasSubstr(words)));
  }
  EXPECT_THAT(world_.daemon().Said(), Not(HasSubstr(kNeverSaid)));
  EXPECT_THAT(world_.Said(), Not(HasSubstr(kNeverSaid))) << "an application's own lines";
  EXPECT_THAT(warned_ + said_, Not(HasSubstr(kNeverSaid)));
}

// However wrong the DSN is, and whoever complains about it.
TEST_F(Observed, X04_NoPasswordOfADsnIsSaidByAnybody) {
  world_.daemon().Start();
  std::size_t complaints = 0;
  for (const std::string& dsn :
       {"host=127.0.0.1 port=1 user=u dbname=x password=" + kPassword,
        "postgresql://u:" + kPassword + "@127.0.0.1:1/x",
        "postgresql://u:" + kPassword + "@127.0.0.1:99999999/x",
        "postgresql://u:" + kPassword + "@[::1/x",
        "postgresql://u:" + kPassword + "@h/x?nonsense=1", "password='" + kPassword,
        "password " + kPassword, kPassword, "nonsense=" + kPassword + " dbname=x"}) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"agent", "--resource", "bank", "--dsn", dsn, "--once",
                                   "--timeout", "1s"},
          {"barrier", "install", "--dsn", dsn}}) {
      const CliAnswer said = world_.Cli(words);
      EXPECT_NE(said.code, 0) << words[0];
      EXPECT_FALSE((said.out + said.err).empty());
      EXPECT_THAT(said.out + said.err, Not(HasSubstr(kNeverSaid))) << words[0] << " with " << dsn;
      ++complaints;
    }
    std::string warned;
    const auto refused =
        Coordinator::Connect({.addresses = {world_.daemon().address()},
                              .resources = {PostgresResource::Make({.name = "bank", .dsn = dsn})},
                              .warn = [&](const std::string& line) { warned += line; }});
    ASSERT_FALSE(refused) << dsn;
    EXPECT_THAT(warned + Describe(refused.error()), Not(HasSubstr(kNeverSaid))) << dsn;
  }
  EXPECT_EQ(complaints, 18u);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"participants"}, {"status"}, {"list"}, {"in-doubt"}})
    EXPECT_THAT(world_.Cli(words).out, Not(HasSubstr(kNeverSaid)));
  EXPECT_THAT(world_.daemon().Said(), Not(HasSubstr(kNeverSaid)));
}

// Client, coordinator, and participants in processes of their own, of which the first dies.
TEST_F(Observed, ATraceIsFollowedIntoOtherProcessesAndOverARestart) {
  world_.StartDaemonToDieAt("engine.decided");
  Application& shop = world_.Start({.banks = "a"});
  Application& service = world_.Start({.banks = "b"});
  const std::string gtid = shop.Tell("begin 30000 " + kTrace);
  service.Tell("join " + shop.Tell("context"));
  EXPECT_EQ(service.Tell("trace"), kTrace) << "the context carries it";
  shop.Tell("move a -10");
  service.Tell("move b 10");
  service.Tell("leave");
  shop.Send("commit");
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  shop.Kill();
  service.Kill();

  world_.daemon().Start();
  const CliAnswer shown = world_.Cli({"show", gtid});
  EXPECT_EQ(shown.json["trace_parent"], kTrace) << shown.out;
  Agent a(world_, 'a');
  Agent b(world_, 'b', {"--json"});
  EXPECT_TRUE(a.AwaitLine("a: committed branch 1 of " + gtid + " trace_id=" + kTraceId))
      << a.Said();
  EXPECT_TRUE(b.AwaitLine("committed branch 9 of " + gtid)) << b.Said();
  EXPECT_THAT(b.Said(), AllOf(HasSubstr("\"gtid\":\"" + gtid + "\""),
                              HasSubstr("\"trace_id\":\"" + kTraceId + "\"")));
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  bool told = false;
  for (const nlohmann::json& line : Log()) {
    if (line.value("gtid", "") != gtid) continue;
    EXPECT_EQ(line.value("trace_id", ""), kTraceId) << line;
    told = told || line["what"] == "committed";
  }
  EXPECT_TRUE(told);
  const CliAnswer ended = world_.Cli({"show", gtid});
  EXPECT_EQ(ended.json["trace_parent"], kTrace) << "also in the record of its end";
}

}  // namespace
}  // namespace settle::testing
