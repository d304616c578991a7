// Metrics and health of the program, and what docs/ makes of their names.
#include <gmock/gmock.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
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
  static std::string Source(const std::string& file) {
    const char* source = std::getenv("SETTLE_SOURCE");
    return std::string(source != nullptr ? source : ".") + "/" + file;
  }
  static std::string Doc(const std::string& file) { return ReadFile(Source("docs/" + file)); }
  // As renderers of Markdown make one of a heading.
  static std::string Anchor(std::string heading) {
    for (char& c : heading) c = static_cast<char>(std::tolower(c));
    return heading;
  }
  // By Debian's own Python: no other has its packages.
  static ProgramOutput Python(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/python3");
    return OutputOfWords(std::move(words));
  }
  // Groups 1 of all matches.
  static std::set<std::string> Found(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::set<std::string> found;
    for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it)
      found.insert((*it)[1]);
    return found;
  }
  // The panels, however deep.
  static void Collect(const nlohmann::json& in, std::vector<nlohmann::json>& targets) {
    if (in.is_object() && in.contains("expr")) targets.push_back(in);
    if (!in.is_structured()) return;
    for (const nlohmann::json& child : in) Collect(child, targets);
  }

  // The labels that the series of an expression has: its own, and those that every scrape adds.
  // Complains about names, labels and values that are not exported.
  std::set<std::string> CheckExpression(const std::string& expression) {
    std::set<std::string> labels{"instance", "job"};
    for (const std::string& name : Found(expression, "((?:settle|process)_[a-z_]+)")) {
      EXPECT_TRUE(series_.contains(name)) << name << " in " << expression << " is not exported";
      for (const auto& [label, values] : series_[name]) labels.insert(label);
    }
    const std::regex selector("([a-z_]+)\\{([^}]*)\\}");
    for (std::sregex_iterator it(expression.begin(), expression.end(), selector), end; it != end;
         ++it) {
      CheckMatchers((*it)[1], (*it)[2], expression);
    }
    std::set<std::string> left = labels;
    const std::regex grouping("\\bby \\(([^)]*)\\)");
    for (std::sregex_iterator it(expression.begin(), expression.end(), grouping), end; it != end;
         ++it) {
      left = Found((*it)[1], "([a-z_]+)");
      for (const std::string& label : left)
        EXPECT_TRUE(labels.contains(label)) << label << " in " << expression << " is no label";
    }
    return left;
  }
  void CheckMatchers(const std::string& name, const std::string& matchers,
                     const std::string& expression) {
    const std::regex matcher("([a-z_]+)(=~|!=|!~|=)\"([^\"]*)\"");
    for (std::sregex_iterator it(matchers.begin(), matchers.end(), matcher), end; it != end; ++it) {
      const std::string label = (*it)[1];
      if (label == "instance" || label == "job") continue;
      ASSERT_TRUE(series_[name].contains(label))
          << name << " has no " << label << ": " << expression;
      EXPECT_THAT(series_[name][label], ::testing::Contains((*it)[3])) << expression;
    }
  }

  void SetUp() override {
    Settled settled(directory_, WithHttp());
    const std::string address = AddressOf(settled);
    settled.AwaitPort();
    const std::string text = Get(address, "/metrics");
    ASSERT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
    ASSERT_THAT(text, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    const std::string path = directory_ / "metrics";
    std::ofstream(path) << text.substr(text.find("\r\n\r\n") + 4);
    checked_ = Python({Source("tests/settled/exposition.py"), path});
    ASSERT_FALSE(checked_.lines.empty());
    families_ = nlohmann::json::parse(checked_.lines[0], nullptr, false);
    ASSERT_TRUE(families_.is_object()) << checked_.text << "(Debian: python3-prometheus-client)";
    for (const auto& family : families_) {
      for (const auto& [name, labels] : family["series"].items())
        series_[name] = labels.get<std::map<std::string, std::set<std::string>>>();
    }
  }

  ProgramOutput checked_;
  nlohmann::json families_;
  std::map<std::string, std::map<std::string, std::set<std::string>>> series_;  // labels' values
};

TEST_F(Names, AreWrittenByPrometheusRules) {
  EXPECT_EQ(checked_.exit_code, 0) << checked_.text;
  EXPECT_GT(families_.size(), 25U);
}

// The table: `name` | type, `label`, `label` | ...
TEST_F(Names, AreThoseOfTheDocumentationWithTheirTypesAndLabels) {
  const std::string doc = Doc("observability.md");
  const std::regex row("\n\\| `([a-z_]+)` \\| ([a-z]+)((?:, `[a-z]+`)*) \\|");
  std::set<std::string> documented;
  for (std::sregex_iterator it(doc.begin(), doc.end(), row), end; it != end; ++it) {
    const std::string name = (*it)[1];
    documented.insert(name);
    if (!families_.contains(name)) continue;  // told below
    EXPECT_EQ(families_[name]["type"], std::string((*it)[2])) << name;
    std::set<std::string> labels;
    for (const auto& [one, of] : families_[name]["series"].items()) {
      for (const auto& [label, values] : of.items()) labels.insert(label);
    }
    labels.erase("le");
    EXPECT_EQ(Found((*it)[3], "`([a-z]+)`"), labels) << name;
  }
  std::set<std::string> exported;
  for (const auto& [name, family] : families_.items()) exported.insert(name);
  EXPECT_EQ(documented, exported);
}

TEST_F(Names, OfTheDashboardAreExportedWithTheirLabels) {
  std::vector<nlohmann::json> targets;
  Collect(nlohmann::json::parse(Doc("observability/dashboard.json")), targets);
  EXPECT_GT(targets.size(), 20U);
  std::string all;
  for (const nlohmann::json& target : targets) {
    const std::string expression = target["expr"];
    const std::set<std::string> labels = CheckExpression(expression);
    EXPECT_THAT(expression, ::testing::ContainsRegex("(settle|process)_"));
    const std::string legend = target.value("legendFormat", "");
    for (const std::string& label : Found(legend, "\\{\\{ *([a-z_]+) *\\}\\}"))
      EXPECT_TRUE(labels.contains(label)) << legend << " of " << expression;
    all += expression + "\n";
  }
  // Whatever is exported is worth a look.
  for (const auto& [name, family] : families_.items()) EXPECT_THAT(all, HasSubstr(name));
}

TEST_F(Names, OfTheAlertRulesAreExportedWithTheirLabelsAndEachHasItsPage) {
  const ProgramOutput converted =
      Python({"-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))",
              Source("docs/observability/alerts.yaml")});
  ASSERT_EQ(converted.exit_code, 0) << converted.text << "(Debian: python3-yaml)";
  const nlohmann::json rules = nlohmann::json::parse(converted.text).at("groups").at(0).at("rules");
  EXPECT_GT(rules.size(), 10U);
  const std::string doc = Doc("observability.md");
  std::set<std::string> alerts;
  for (const nlohmann::json& rule : rules) {
    const std::string alert = rule.at("alert");
    EXPECT_TRUE(alert.starts_with("Settle") && alerts.insert(alert).second) << alert;
    EXPECT_TRUE(rule.at("labels").contains("severity")) << rule;
    const std::string expression = rule.at("expr");
    const std::set<std::string> labels = CheckExpression(expression);
    std::string words;
    for (const char* annotation : {"summary", "description"}) {
      EXPECT_FALSE(std::string(rule.at("annotations").at(annotation)).empty()) << rule;
      words += std::string(rule["annotations"][annotation]);
    }
    for (const std::string& label : Found(words, "\\$labels\\.([a-z_]+)"))
      EXPECT_TRUE(labels.contains(label)) << alert << " has no label " << label;
    EXPECT_THAT(rule["annotations"].value("runbook", ""),
                EndsWith("observability.md#" + Anchor(alert)));
    EXPECT_THAT(doc, HasSubstr("\n### " + alert + "\n")) << "nobody says what to do";
  }
  EXPECT_EQ(Found(doc, "\n### (Settle[A-Za-z]+)\n"), alerts);
}

// What the pages tell to type is there to be typed.
TEST_F(Names, OfTheCommandsInTheRunbookAreVerbs) {
  const std::set<std::string> verbs = Found(Doc("observability.md"), "\nsettle ([a-z-]+)");
  EXPECT_GT(verbs.size(), 4U);
  for (const std::string& verb : verbs)
    EXPECT_EQ(OutputOf("settle", {"help", verb}).exit_code, 0) << verb;
}

}  // namespace
}  // namespace settle::testing
