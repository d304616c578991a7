// Every verb of the command with --json, in success and in error, against a real daemon with
// something of everything in it. The fixture holds all that was printed against its schema.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "end_to_end/agent.h"
#include "end_to_end/fixture.h"
#include "end_to_end/wire_link.h"
#include "packaging/help.h"
#include "wire/CoordinatorService.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EveryVerb : public EndToEnd {
 protected:
  EveryVerb() : EndToEnd(kMixed) {
    for (const std::string& synopsis : VerbSynopses()) verbs_.insert(NameOf(synopsis));
  }

  // Decided to commit and prepared in both banks, of which nobody serves one; in a new life.
  void Decide() {
    world_.StartDaemonToDieAt("engine.decided");
    Application& shop = world_.Start();
    gtid_ = world_.Move(shop);
    shop.Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    shop.Kill();
    world_.daemon().Start();
  }
  // Of a program that gives names which are no words.
  void BeginWithControlCharacters() {
    WireLink<wire::CoordinatorServiceClient> link(world_.daemon(), "coordinator");
    ASSERT_TRUE(link.Try([&](auto& service) {
      wire::BeginRequest request;
      request.timeout_ms = 60'000;
      request.owner = kHostile;
      request.comment = kHostile;
      wire::BeginReply begun;
      service.begin_transaction(begun, request);
      undecided_ = begun.gtid;
    }));
  }

  nlohmann::json Does(const std::vector<std::string>& words, int code = 0) {
    const CliAnswer answer = world_.Cli(words);
    EXPECT_EQ(answer.code, code) << ::testing::PrintToString(words) << answer.out << answer.err;
    EXPECT_FALSE(answer.json.contains("error")) << answer.out;
    done_.insert(VerbOf(words));
    return answer.json;
  }
  void Fails(const std::vector<std::string>& words, int code) {
    FailsAt(world_.daemon().address(), words, code);
  }
  void FailsAt(const std::string& address, const std::vector<std::string>& words, int code) {
    const CliAnswer answer = world_.CliAt(address, words);
    EXPECT_EQ(answer.code, code) << ::testing::PrintToString(words) << answer.out << answer.err;
    EXPECT_TRUE(answer.json.contains("error")) << answer.out;
    failed_.insert(VerbOf(words));
  }
  std::string VerbOf(const std::vector<std::string>& words) const {
    if (words.empty()) return {};
    const std::string two = words.size() < 2 ? "" : words[0] + " " + words[1];
    return verbs_.contains(two) ? two : words[0];
  }
  std::set<std::string> Without(const std::set<std::string>& some) const {
    std::set<std::string> others;
    std::set_difference(verbs_.begin(), verbs_.end(), some.begin(), some.end(),
                        std::inserter(others, others.end()));
    return others;
  }

  static constexpr const char* kHostile = "or\x1b[31mder\x07 17\x7f \xc2\x9b \xe2\x80\xae";
  std::set<std::string> verbs_, done_, failed_;
  std::string gtid_, undecided_;
};

TEST_F(EveryVerb, PrintsWhatItsSchemaSaysInSuccessAndInError) {
  ASSERT_GT(verbs_.size(), 30u);
  Decide();
  BeginWithControlCharacters();
  const std::vector<std::string> why{"--reason", "I looked", "--operator", "ann"};
  const auto with_why = [&](std::vector<std::string> words) {
    words.insert(words.end(), why.begin(), why.end());
    return words;
  };
  // What there is.
  EXPECT_EQ(Does({"status"})["in_doubt"], 1);
  EXPECT_EQ(Does({"list"})["transactions"][0]["comment"], kHostile);
  Does({"list", "--all", "--limit", "1"});
  Does({"list", "--open", "--limit", "1"});
  EXPECT_EQ(Does({"show", undecided_})["owner"], kHostile);
  EXPECT_EQ(Does({"show", gtid_})["live"].size(), 2u);
  Does({"show", gtid_, "--no-live"});
  const std::string unknown = gtid_.substr(0, gtid_.find('.')) + ".1.900000.00000000";
  Does({"show", unknown}, 3);
  Does({"explain", gtid_});
  Does({"explain", unknown, "--no-live"}, 3);
  EXPECT_EQ(Does({"in-doubt", "--check"}, 6)["count"], 1);
  Does({"participants"});
  Does({"participants", "--all"});
  const CliAnswer watched = world_.Cli({"watch", "--count", "2", "--interval", "10ms"});
  EXPECT_EQ(watched.code, 0);
  EXPECT_EQ(std::count(watched.out.begin(), watched.out.end(), '\n'), 2);
  done_.insert("watch");
  world_.CliAt("127.0.0.1:1", {"watch", "--count", "1"});
  Does({"doctor"}, 10);
  Does({"doctor", "--only", "log"});
  world_.CliAt("127.0.0.1:1", {"doctor"});
  // What can be done about it.
  EXPECT_EQ(Does({"retry", gtid_, "--dry-run"})["dry_run"], true);
  EXPECT_EQ(Does({"retry", "--all"})["dry_run"], false);
  Does({"pause", "a", "--reason", "its disk is full \xc3\xa9"});
  Does({"participants"});
  Does(with_why({"resume", "a"}));
  Does(with_why({"pause", "--all"}));
  EXPECT_EQ(Does({"status"})["pauses"].size(), 1u);
  Does(with_why({"resume", "--all"}));
  EXPECT_EQ(Does({"drain", "--wait", "1ms"}, 9)["open"]["committing"], 1);
  Does({"drain", "--off"});
  Does(with_why({"resolve", undecided_, "abort", "--dry-run"}));
  Does(with_why({"resolve", undecided_, "abort"}));
  Does({"drain"});
  Does({"drain", "--off"});
  // Damage that a person makes and repairs.
  world_.bank('a').RollBackByHand(world_.bank('a').Prepared().at(0));
  const CliAnswer agent = world_.Cli(
      {"agent", "--resource", "a", "--dsn", AfterColon(world_.bank('a').Dsn()), "--once"});
  EXPECT_EQ(agent.code, 0) << agent.out;
  done_.insert("agent");
  Does({"show", gtid_});
  EXPECT_EQ(world_
                .Cli({"agent", "--resource", "b", "--sqlite", AfterColon(world_.bank('b').Dsn()),
                      "--once"})
                .code,
            0);
  EXPECT_EQ(Does({"show", gtid_})["ending"]["outcome"], "mixed");
  EXPECT_EQ(Does({"in-doubt"})["count"], 1);
  Does(with_why({"forget", gtid_, "--dry-run"}));
  Does(with_why({"forget", gtid_}));
  Does(with_why({"participants", "accept", "b", "sqlite:another"}));
  // Sagas, of whose participant there is no process.
  const std::string file = world_ / "trip.json";
  std::ofstream(file) << R"({"saga": "trip", "steps": [
    {"name": "flight", "participant": "travel", "action": "reserve-seat"}]})";
  Does({"saga", "store", file});
  Does({"saga", "definitions"});
  Does({"saga", "definitions", "--all"});
  Does({"saga", "definitions", "trip"});
  Does({"saga", "start", "trip", "--key", "order-17", "--comment", "caf\xc3\xa9"});
  const std::string saga = Does({"saga", "submit", file, "--wait", "1ms"}, 9)["gtid"];
  Does({"saga", "show", saga});
  Does({"show", saga});
  Does({"explain", saga});
  Does({"retry", saga, "--step", "flight"});
  // One outcome of two, by whether anything was called meanwhile.
  const CliAnswer cancelled = world_.Cli(with_why({"saga", "cancel", saga, "--timeout", "1s"}));
  EXPECT_TRUE(cancelled.code == 0 || cancelled.code == 7) << cancelled.out;
  done_.insert("saga cancel");
  // Files.
  const std::string backup = world_ / "settle.backup";
  Does({"backup", backup});
  Does({"verify-log", backup});
  EXPECT_THAT(
      Does(with_why({"restore", backup, world_ / "restored.db"}))["advice"].get<std::string>(),
      HasSubstr("is unknown"));
  EXPECT_EQ(Does({"verify-log", world_ / "restored.db"})["restored"].size(), 1u);
  Does({"barrier", "install", "--dsn", world_.bank('a').Dsn()});
  Does({"barrier", "install", "--dsn", "postgresql:", "--print"});
  Does({"barrier", "check", "--dsn", world_.bank('a').Dsn()});
  // What was asked for on the way, and help.
  EXPECT_GT(Does({"audit"})["rows"], 10);
  Does({"audit", "--all", "--limit", "2"});
  Does({"audit", "--operator", "ann", "--limit", "1"});
  Does({"help"});
  Does({"help", "saga", "show"});
  Does({"status", "--help"});
  Does({"--version"});

  // Without a coordinator, with wrong words, and refused.
  const std::string nobody = "127.0.0.1:1";
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"status"},
           {"list"},
           {"list", "--all"},
           {"show", gtid_},
           {"explain", gtid_},
           {"in-doubt"},
           {"retry", "--all"},
           with_why({"resolve", gtid_, "abort"}),
           with_why({"forget", gtid_}),
           with_why({"skip", saga, "--step", "1"}),
           with_why({"set-input", saga, "--step", "1", "--input", "{}"}),
           with_why({"pause", "a"}),
           with_why({"resume", "a"}),
           {"drain"},
           {"saga", "submit", file},
           {"saga", "start", "trip"},
           {"saga", "store", file},
           {"saga", "definitions"},
           {"saga", "show", saga},
           with_why({"saga", "cancel", saga}),
           {"participants"},
           with_why({"participants", "accept", "a", "x"}),
           {"audit"},
           {"backup", world_ / "another.backup"}}) {
    FailsAt(nobody, words, 4);
  }
  for (const std::string& verb : verbs_) {
    std::vector<std::string> words;
    std::istringstream split(verb);
    for (std::string word; split >> word;) words.push_back(word);
    words.emplace_back("--no-such-option");
    Fails(words, 2);
  }
  Fails({}, 2);
  Fails({"dance"}, 2);
  Fails({"show", "\x1b[31m"}, 2);
  Fails(with_why({"resolve", gtid_, "abort"}), 1);
  Fails(with_why({"resume", "a"}), 3);
  Fails(with_why({"skip", saga, "--step", "1"}), 1);
  Fails({"verify-log", file}, 65);
  Fails({"verify-log", world_.daemon().log_path()}, 1);
  Fails({"barrier", "check", "--dsn", "sqlite:" + (world_ / "none.db")}, 2);
  EXPECT_THAT(Without(failed_), IsEmpty());
  // Those need a step that does not get on: saga_operator_test.cc.
  EXPECT_EQ(Without(done_), (std::set<std::string>{"set-input", "skip"}));
}

}  // namespace
}  // namespace settle::testing
