// Metrics and health of the program, and what docs/ makes of their names.
#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "settled_process.h"
#include "support/program_output.h"
#include "support/raw_peer.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class OverHttp : public ::testing::Test {
 protected:
  std::vector<std::string> Options(std::vector<std::string> more = {}) {
    std::vector<std::string> options{"--log",       directory_ / "settle.db", "--listen",
                                     "127.0.0.1:0", "--ready-file",           directory_ / "ready"};
    options.insert(options.end(), more.begin(), more.end());
    return options;
  }
  std::vector<std::string> WithHttp() { return Options({"--http-listen", "127.0.0.1:0"}); }

  // Where the daemon's log says that it is.
  static std::string AddressOf(const Settled& settled) {
    const std::string words = "metrics and health on http://";
    if (!settled.AwaitSaid(words)) throw std::runtime_error("no HTTP: " + settled.Said());
    const std::string said = settled.Said();
    std::istringstream rest(said.substr(said.find(words) + words.size()));
    std::string address;
    rest >> address;
    return address;
  }
  static std::string Get(const std::string& address, const std::string& path) {
    RawPeer peer(address);
    peer.Send("GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n");
    return peer.ReadToEnd(20s).value_or("nothing, and the connection is open");
  }

  const TemporaryDirectory directory_;
};

TEST_F(OverHttp, NothingIsServedUnlessItIsAskedFor) {
  Settled settled(directory_, Options());
  settled.AwaitPort();
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
  EXPECT_THAT(settled.Said(), Not(HasSubstr("http")));
}

TEST_F(OverHttp, OtherMachinesAreServedOnlyWhenThatIsSpelledOut) {
  Settled refused(directory_, Options({"--http-listen", "0.0.0.0:0"}));
  EXPECT_EQ(refused.ExitCode(), 64);
  EXPECT_THAT(refused.Said(),
              AllOf(HasSubstr("--http-listen 0.0.0.0:0 can be reached"), HasSubstr("--insecure")));
  Settled insecure(directory_, Options({"--http-listen", "0.0.0.0:0", "--insecure"}));
  EXPECT_THAT(Get(AddressOf(insecure), "/healthz"), EndsWith("alive\n"));
  EXPECT_THAT(insecure.Said(), HasSubstr("whoever reaches it can read the metrics"));
}

TEST_F(OverHttp, AnAddressThatIsTakenEndsTheStart) {
  Settled first(directory_, WithHttp());
  const std::string taken = AddressOf(first);
  Settled second(directory_, {"--log", directory_ / "other.db", "--listen", "127.0.0.1:0",
                              "--http-listen", taken});
  EXPECT_EQ(second.ExitCode(), 71);
  EXPECT_THAT(second.Said(), HasSubstr("cannot listen on " + taken));
}

TEST_F(OverHttp, ADaemonIsReadyUntilItDrainsAndAliveAllTheWhile) {
  Settled settled(directory_, WithHttp());
  const std::string address = AddressOf(settled);
  Client client(settled.AwaitPort());
  EXPECT_THAT(Get(address, "/readyz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("ready\n")));
  const std::string gtid = client.Begin();
  EXPECT_THAT(Get(address, "/metrics"),
              AllOf(HasSubstr("\nsettle_transactions_open{state=\"active\"} 1\n"),
                    HasSubstr("\nsettle_draining 0\n")));

  settled.Signal(SIGTERM);  // waits for the transaction
  ASSERT_TRUE(settled.AwaitSaid("SIGTERM: no new transactions"));
  const auto end = std::chrono::steady_clock::now() + 20s;
  std::string ready = Get(address, "/readyz");
  while (ready.starts_with("HTTP/1.1 200 ") && std::chrono::steady_clock::now() < end)
    ready = Get(address, "/readyz");
  EXPECT_THAT(ready, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("shutting down")));
  EXPECT_THAT(Get(address, "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get(address, "/metrics"), HasSubstr("\nsettle_draining 1\n"));
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
}

// The names of docs/observability.md, its dashboard and its rules, against those of a daemon.
class Names : public OverHttp {
 protected:
  static std::string Doc(const std::string& file) {
    const char* source = std::getenv("SETTLE_SOURCE");
    return ReadFile(std::string(source != nullptr ? source : ".") + "/docs/" + file);
  }
  static std::set<std::string> Found(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::set<std::string> found;
    for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it)
      found.insert((*it)[1]);
    return found;
  }
  // Every value of these keys, however deep.
  static void Collect(const nlohmann::json& in, const std::string& key,
                      std::vector<std::string>& values) {
    if (in.is_object() && in.contains(key) && in[key].is_string()) values.push_back(in[key]);
    if (!in.is_structured()) return;
    for (const nlohmann::json& child : in) Collect(child, key, values);
  }
  // Each name in the expressions is a series of the scrape.
  void ExpectSeries(const std::vector<std::string>& expressions) {
    for (const std::string& expression : expressions) {
      const std::set<std::string> names = Found(expression, "((settle|process)_[a-z_]+)");
      EXPECT_TRUE(!names.empty() || expression.starts_with("up{")) << expression;
      for (const std::string& name : names) {
        EXPECT_TRUE(types_.contains(name) || series_.contains(name))
            << name << " in " << expression << " is not exported";
        EXPECT_TRUE(series_.contains(name)) << name << " in " << expression << " has no values";
      }
    }
  }

  void SetUp() override {
    Settled settled(directory_, WithHttp());
    const std::string address = AddressOf(settled);
    Client(settled.AwaitPort()).Begin();  // so that there is a state to count
    const std::string text = Get(address, "/metrics");
    ASSERT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
    ASSERT_THAT(text, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    const std::string body = text.substr(text.find("\r\n\r\n") + 4);
    types_ = Found(body, "# TYPE ([a-z_]+) ");
    helps_ = Found(body, "# HELP ([a-z_]+) .");
    series_ = Found(body, "(?:^|\n)([a-z_]+)[{ ]");
    counters_ = Found(body, "# TYPE ([a-z_]+) counter");
  }

  std::set<std::string> types_, helps_, series_, counters_;
};

TEST_F(Names, AreThoseOfTheDocumentationAndFollowPrometheus) {
  EXPECT_GT(types_.size(), 20U);
  EXPECT_EQ(Found(Doc("observability.md"), "\n\\| `([a-z_]+)` \\|"), types_);
  EXPECT_EQ(helps_, types_);
  for (const std::string& name : types_) {
    EXPECT_TRUE(name.starts_with("settle_") || name.starts_with("process_")) << name;
    EXPECT_EQ(name.ends_with("_total"), counters_.contains(name)) << name;
    EXPECT_THAT(name, Not(::testing::ContainsRegex("_(ms|us|milliseconds|kb|mb)(_|$)")));
  }
}

TEST_F(Names, OfTheDashboardAreExported) {
  const nlohmann::json dashboard = nlohmann::json::parse(Doc("observability/dashboard.json"));
  std::vector<std::string> expressions;
  Collect(dashboard, "expr", expressions);
  EXPECT_GT(expressions.size(), 15U);
  ExpectSeries(expressions);
  // Whatever is exported is worth a look.
  std::string all;
  for (const std::string& expression : expressions) all += expression + "\n";
  for (const std::string& name : types_) EXPECT_THAT(all, HasSubstr(name));
}

TEST_F(Names, OfTheAlertRulesAreExported) {
  const char* source = std::getenv("SETTLE_SOURCE");
  const ProgramOutput converted = OutputOfWords(
      {"python3", "-c",
       "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))",
       std::string(source != nullptr ? source : ".") + "/docs/observability/alerts.yaml"});
  ASSERT_EQ(converted.exit_code, 0) << converted.text << "(Debian: python3-yaml)";
  const nlohmann::json rules = nlohmann::json::parse(converted.text).at("groups").at(0).at("rules");
  EXPECT_GT(rules.size(), 5U);
  std::vector<std::string> expressions;
  for (const nlohmann::json& rule : rules) {
    expressions.push_back(rule.at("expr"));
    EXPECT_THAT(std::string(rule.at("alert")), StartsWith("Settle"));
    EXPECT_TRUE(rule.at("labels").contains("severity")) << rule;
    EXPECT_FALSE(std::string(rule.at("annotations").at("summary")).empty()) << rule;
    EXPECT_FALSE(std::string(rule.at("annotations").at("description")).empty()) << rule;
  }
  ExpectSeries(expressions);
}

}  // namespace
}  // namespace settle::testing
