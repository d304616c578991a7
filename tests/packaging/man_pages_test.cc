// The manual pages, as `man` shows them, against the programs.
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>

#include "help.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kPages{"settled.8", "settled.conf.5", "settle.1", "settle-agent.1"};

std::string Path(const std::string& page) { return std::string(MADE) + "/" + page + ".gz"; }

// The lines of a section, or of the whole page, indented; none is broken.
std::vector<std::string> Shown(const std::string& page, const std::string& section = "") {
  const ProgramOutput shown =
      OutputOfWords({"man", "--no-hyphenation", "--no-justification", "-l", Path(page)},
                    {"MANWIDTH=2000", "LC_ALL=C.UTF-8", "MANPAGER=cat", "MAN_KEEP_FORMATTING="});
  EXPECT_EQ(shown.exit_code, 0) << shown.text;
  std::vector<std::string> lines;
  std::string here;
  for (const std::string& line : shown.lines) {
    if (!line.empty() && std::isupper(line[0]) != 0) here = line;
    if (!line.empty() && (section.empty() || here == section)) lines.push_back(line);
  }
  EXPECT_FALSE(lines.empty()) << page << " has no section " << section;
  return lines;
}

class ManPages : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(OutputOfWords({"sh", "-c", "command -v man"}).exit_code, 0)
        << "man is not installed (scripts/install-dependencies test)";
  }
};

TEST_F(ManPages, AreFormattedWithoutAWarning) {
  for (const std::string& page : kPages) {
    const ProgramOutput checked = OutputOfWords(
        {"sh", "-c", "man --warnings -E UTF-8 -l -Tutf8 -Z '" + Path(page) + "' >/dev/null"},
        {"LC_ALL=C.UTF-8", "MANROFFSEQ=", "MANWIDTH=80"});
    EXPECT_EQ(checked.exit_code, 0) << page;
    EXPECT_EQ(checked.text, "") << page;
  }
}

// What makes whatis(1) and apropos(1) find them.
TEST_F(ManPages, AreNamedWithTheirPurposeAndRelease) {
  const std::string release = OutputOf("settle", {"--version"}).lines.at(0);
  for (const std::string& page : kPages) {
    const std::string name = page.substr(0, page.size() - 2);
    EXPECT_THAT(Shown(page, "NAME").at(1), HasSubstr(name + " - ")) << page;
    EXPECT_THAT(Shown(page).back(), HasSubstr("S" + release.substr(1))) << page;
  }
}

TEST_F(ManPages, TheDaemonsHasEachOfItsOptionsAndExitCodesAndNoOther) {
  const std::set<std::string> options = DaemonOptions();
  EXPECT_GT(options.size(), 25u);
  EXPECT_EQ(Matches(Shown("settled.8", "OPTIONS"),
                    "^ +(--[^ ]+( [A-Z][A-Z0-9:=,.@-]*| [a-z]+\\|[a-z|]+)?)( |$)"),
            options);
  const std::set<std::string> codes = Matches(Help("settled", {"--help"}), "^ +([0-9]+)  ");
  EXPECT_GT(codes.size(), 7u);
  EXPECT_EQ(Matches(Shown("settled.8", "EXIT STATUS"), "^ +([0-9]+) +[a-z]"), codes);
}

TEST_F(ManPages, TheConfigurationsHasEachOptionThatAFileCanHold) {
  std::set<std::string> names = Matches(Help("settled", {"--help"}), "^  --([a-z-]+)");
  for (const char* asking : {"help", "version", "config"}) names.erase(asking);
  EXPECT_EQ(Matches(Shown("settled.conf.5", "OPTIONS"), "^ +([a-z-]+) = "), names);
}

TEST_F(ManPages, TheCommandsHasEachOfItsVerbsAndExitCodesAndNoOther) {
  const std::set<std::string> synopses = VerbSynopses();
  EXPECT_GT(synopses.size(), 15u);
  std::set<std::string> shown;
  // What stands as far to the left as a verb. A short one shares its line with its text.
  for (const std::string& line : Matches(Shown("settle.1", "VERBS"), "^ {7}([^ ].*)$")) {
    const auto verb = std::find_if(synopses.begin(), synopses.end(), [&](const std::string& one) {
      return line == one || (one.size() < 7 && line.starts_with(one + " "));
    });
    ASSERT_NE(verb, synopses.end()) << line;
    shown.insert(*verb);
  }
  EXPECT_EQ(shown, synopses);
  const std::set<std::string> codes = Matches(Help("settle", {"help"}), "^ +([0-9]+)  ");
  EXPECT_EQ(Matches(Shown("settle.1", "EXIT STATUS"), "^ +([0-9]+) +[a-z]"), codes);
}

TEST_F(ManPages, TheCommandsHasEachOptionOfEachVerbAndNoOther) {
  const auto options = [](const std::vector<std::string>& lines) {
    return Matches(lines, "^ +(--[a-z-]+( [A-Z][A-Z0-9:=,.@-]*)?)( |$)");
  };
  std::set<std::string> known;
  for (const std::string& synopsis : VerbSynopses()) {
    std::vector<std::string> words{"help"};
    std::istringstream name(NameOf(synopsis));
    for (std::string word; name >> word;) words.push_back(word);
    known.merge(OptionsOf(Help("settle", words)));
  }
  EXPECT_GT(known.size(), 15u);
  std::set<std::string> shown = options(Shown("settle.1", "VERBS"));
  std::set<std::string> common = options(Shown("settle.1", "OPTIONS"));
  EXPECT_TRUE(common.contains("--address ADDRESS"));
  shown.merge(common);
  shown.insert("--version");
  EXPECT_EQ(shown, known);
}

TEST_F(ManPages, TheAgentsHasEachOfItsOptionsAndNoOther) {
  std::set<std::string> shown =
      Matches(Shown("settle-agent.1"), "^ +(--[a-z-]+( [A-Z][A-Z0-9:=,.@-]*)?)( |$)");
  shown.insert("--version");
  EXPECT_EQ(shown, OptionsOf(Help("settle", {"help", "agent"})));
}

}  // namespace
}  // namespace settle::testing
