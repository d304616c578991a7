// docs/settle.schema.json: that it is a schema, that it says what this release prints, and that it
// refuses what is not in it.
#include <functional>
#include <set>
#include <sstream>

#include "log/record_codec.h"
#include "packaging/help.h"
#include "protocol/saga.h"
#include "protocol/two_phase.h"
#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/live.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/three_phase.h"
#include "verbs_under_test.h"

namespace settle::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Words = std::set<std::string>;

Document Schema() {
  const char* const source = std::getenv("SETTLE_SOURCE");
  std::ifstream file(std::string(source != nullptr ? source : ".") + "/docs/settle.schema.json");
  return Document::parse(file);
}

// Of one definition, or of a property of one.
Words Listed(const Document& within) { return within.at("enum").get<Words>(); }
Words Listed(const Document& schema, const std::string& definition, const std::string& property) {
  return Listed(schema.at("$defs").at(definition).at("properties").at(property));
}

// Those of an enumeration from its first value on.
template <typename Enum>
Words WordsFrom(int first, const Words& more = {}) {
  const std::string none = ToString(static_cast<Enum>(1'000));
  Words words = more;
  for (int value = first;; ++value) {
    const std::string word = ToString(static_cast<Enum>(value));
    if (word == none) return words;
    words.insert(word);
  }
}

template <std::size_t... I>
Words RecordTypes(std::index_sequence<I...>) {
  return {coordinator::TypeName(coordinator::Record(std::in_place_index<I>))...};
}

using JsonSchema = Verbs;

TEST_F(JsonSchema, IsASchemaThatDescribesEveryVerbAndEachPropertyWithItsUnit) {
  std::istringstream help(Run({"help"}).out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(help, line);) lines.push_back(line);
  std::vector<std::string> words{"schema"};
  for (const std::string& synopsis : settle::testing::Matches(lines, "^  ([a-z].*)$"))
    words.push_back(settle::testing::NameOf(synopsis));
  EXPECT_GT(words.size(), 30u);
  EXPECT_THAT(settle::testing::RunJsonChecker(words, "/dev/null"), IsEmpty());
  // Of one that has no entry it says so, and of an entry of none.
  words.back() = "dance";
  EXPECT_THAT(settle::testing::RunJsonChecker(words, "/dev/null"), SizeIs(2));
}

TEST_F(JsonSchema, ListsTheWordsThatTheCodeHas) {
  using coordinator::TwoPhase;
  using coordinator::saga::Machine;
  const Document schema = Schema();
  const Document& defs = schema["$defs"];
  const Words also{"unrecognised"};  // of a newer coordinator
  EXPECT_EQ(Listed(schema, "ending", "outcome"), WordsFrom<Outcome>(1, also));
  EXPECT_EQ(Listed(schema, "ending", "cause"), WordsFrom<AbortCause>(0, also));
  EXPECT_EQ(Listed(schema, "error_body", "code"), WordsFrom<ErrorCode>(0));
  EXPECT_EQ(Listed(schema, "finding", "severity"), WordsFrom<Severity>(0));
  EXPECT_EQ(Listed(schema, "live_state", "proof"), WordsFrom<Proof>(1, also));
  EXPECT_EQ(Listed(schema, "site", "state"), WordsFrom<SiteState>(1, {""}));
  EXPECT_EQ(Listed(schema, "branch", "vote"), WordsFrom<Vote>(1, {""}));
  EXPECT_EQ(Listed(schema, "heuristic", "act"), WordsFrom<coordinator::HeuristicAct>(1));
  EXPECT_EQ(Listed(defs["log_report"]["properties"]["records"]["propertyNames"]),
            RecordTypes(std::make_index_sequence<std::variant_size_v<coordinator::Record>>()));
  Words states = WordsFrom<Machine::State>(0, {"quarantined"});
  states.merge(WordsFrom<TwoPhase::State>(0));
  EXPECT_EQ(Listed(defs["transaction_state"]), states);
  // What a reservation's branch is called where a database's is called otherwise.
  Words branches = WordsFrom<Machine::StepState>(
      0, {"reserved", "confirming", "cancelling", "confirmed", "cancelled"});
  branches.merge(WordsFrom<TwoPhase::BranchState>(0));
  EXPECT_EQ(Listed(defs["branch_state"]), branches);
}

// A transaction with something in every part that one can have.
wire::TransactionView WithEverything() {
  wire::TransactionView view = Committing();
  wire::HeuristicView act;
  act.act = "force";
  act.to = "commit";
  act.operator_name = "ann";
  act.at_us = kBegan_us;
  view.__set_heuristic({act});
  wire::SiteView site;
  site.state = "waiting";
  wire::QuorumView quorum;
  quorum.sites = {site};
  view.__set_quorum(quorum);
  return view;
}

class Planted : public Verbs {
 protected:
  struct Change {
    std::string what;
    Document document;
  };

  // Each object in the document with one property more, with one less, and with a wrong word.
  static std::vector<Change> ChangesOf(const Document& whole, const Words& optional,
                                       const Words& fixed) {
    std::vector<Change> changes;
    const std::function<void(const Document::json_pointer&)> walk = [&](const auto& at) {
      const Document& here = whole[at];
      if (here.is_array() && !here.empty()) walk(at / 0);
      if (!here.is_object()) return;
      const auto change = [&](const std::string& what, const auto& make) {
        Document changed = whole;
        make(changed[at]);
        changes.push_back({at.to_string() + ": " + what, std::move(changed)});
      };
      change("more", [](Document& object) { object["undocumented"] = 1; });
      for (const auto& [name, value] : here.items()) {
        if (!optional.contains(name))
          change("no " + name, [&, key = name](Document& object) { object.erase(key); });
        if (fixed.contains(name))
          change("word of " + name,
                 [&, key = name](Document& object) { object[key] = "sideways"; });
        walk(at / name);
      }
    };
    walk(Document::json_pointer());
    return changes;
  }

  static std::string Refused(const std::vector<std::string>& words,
                             const std::vector<Change>& changes) {
    std::vector<settle::testing::JsonOutput> outputs;
    for (const Change& change : changes)
      outputs.push_back({words, 0, change.document.dump() + "\n", ""});
    const std::vector<std::string> wrong = settle::testing::WrongIn(outputs);
    std::string taken;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const std::string head = std::to_string(i) + ": ";
      const bool refused = std::any_of(wrong.begin(), wrong.end(), [&](const std::string& line) {
        return line.starts_with(head);
      });
      if (!refused) taken += changes[i].what + "\n";
    }
    return taken;
  }
};

TEST_F(Planted, APropertyTooManyOneTooFewAndAWrongWordAreRefusedWhereverTheyStand) {
  admin_.transaction = WithEverything();
  const Document shown = RunJson({"show", kGtid});
  const auto changes = ChangesOf(shown, {"quorum", "live"},
                                 {"protocol", "outcome", "cause", "act", "to", "vote", "state"});
  EXPECT_GT(changes.size(), 60u);
  EXPECT_EQ(Refused({"show", kGtid}, changes), "");
  admin_.status_reply.__set_pauses({});
  EXPECT_EQ(Refused({"status"}, {{"a state",
                                  [&] {
                                    Document status = RunJson({"status"});
                                    status["open"]["sideways"] = 1;
                                    return status;
                                  }()}}),
            "");
}

TEST_F(JsonSchema, NoColoursOrMarksOfATerminalAreInIt) {
  admin_.status_reply.heuristics = 1;
  const Environment terminal{.default_address = coordinator_.address(),
                             .now_us = kBegan_us,
                             .colours = true,
                             .terminal = true,
                             .progress = [](const std::string&) { FAIL() << "progress is shown"; }};
  EXPECT_THAT(cli::Run({"status"}, terminal).out, HasSubstr("\x1b["));
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"status", "--json"}, {"doctor", "--json"}, {"watch", "--count", "1", "--json"}}) {
    const Printed printed = cli::Run(words, terminal);
    EXPECT_THAT(settle::testing::WrongIn(
                    {{words, static_cast<int>(printed.exit), printed.out, printed.err}}),
                IsEmpty());
  }
}

TEST_F(Planted, WhatIsNoDocumentOrHasAnotherExitCodeIsRefused) {
  const auto wrong = [](int code, const std::string& out, const std::string& err) {
    return settle::testing::WrongIn({{{"forget", kGtid}, code, out, err}});
  };
  const std::string refused = R"({"error": {"code": "refused", "message": "m", "advice": ""}})"
                              "\n";
  EXPECT_THAT(wrong(1, refused, ""), IsEmpty());
  EXPECT_THAT(wrong(2, refused, ""), Contains(HasSubstr("exit code 2 with the error refused")));
  EXPECT_THAT(wrong(1, refused, "oh"), Contains(HasSubstr("standard error has")));
  EXPECT_THAT(wrong(1, refused + refused, ""), Contains(HasSubstr("not one document")));
  EXPECT_THAT(wrong(1, "\x1b[1m" + refused, ""), Contains(HasSubstr("not printable ASCII")));
  EXPECT_THAT(wrong(1, Document::parse(refused).dump(2) + "\n", ""),
              Contains(HasSubstr("not on one line")));
}

}  // namespace
}  // namespace settle::cli
