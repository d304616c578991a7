// Bash completion, as bash calls it.
#include <gmock/gmock.h>

#include <algorithm>

#include "help.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What is offered when TAB is pressed at the end of `line`.
std::vector<std::string> Offered(const std::string& line) {
  const std::string program = line.substr(0, line.find(' '));
  const ProgramOutput output = OutputOfWords(
      {"bash", "-uc",
       "source \"$1\"; complete -p \"$2\" >/dev/null || exit 9; COMP_LINE=$3; "
       "COMP_POINT=${#COMP_LINE}; _$2; ((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"; "
       "exit 0",
       "bash", std::string(SOURCE) + "/packaging/bash-completion/" + program, program, line},
      {"PATH=" + std::string(std::getenv("SETTLE_BIN")) + ":" + std::getenv("PATH")});
  EXPECT_EQ(output.exit_code, 0) << output.text;
  std::vector<std::string> sorted = output.lines;
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}
std::set<std::string> OfferedSet(const std::string& line) {
  const std::vector<std::string> offered = Offered(line);
  return {offered.begin(), offered.end()};
}

std::string FirstWord(const std::string& text) { return text.substr(0, text.find(' ')); }

TEST(Completion, OffersEveryVerbAndNothingElse) {
  std::set<std::string> first;
  std::map<std::string, std::set<std::string>> second;
  for (const std::string& synopsis : VerbSynopses()) {
    const std::string name = NameOf(synopsis);
    first.insert(FirstWord(name));
    if (name != FirstWord(name)) second[FirstWord(name)].insert(name.substr(name.find(' ') + 1));
  }
  EXPECT_GT(first.size(), 10u);
  EXPECT_EQ(OfferedSet("settle "), first);
  EXPECT_EQ(OfferedSet("settle help "), first);
  EXPECT_EQ(OfferedSet("settle --address 127.0.0.1:7420 --json "), first);
  EXPECT_GE(second.size(), 3u);
  for (const auto& [word, words] : second) {
    EXPECT_EQ(OfferedSet("settle " + word + " "), words);
    EXPECT_EQ(OfferedSet("settle --timeout=5s " + word + " "), words);
  }
}

TEST(Completion, OffersTheOptionsOfEachVerb) {
  for (const std::string& synopsis : VerbSynopses()) {
    const std::string name = NameOf(synopsis);
    std::vector<std::string> words{"help"};
    std::istringstream split(name);
    for (std::string word; split >> word;) words.push_back(word);
    std::set<std::string> options;
    for (const std::string& option : OptionsOf(Help("settle", words)))
      options.insert(FirstWord(option));
    if (name == "help") continue;  // completes the verbs that it helps with
    EXPECT_EQ(OfferedSet("settle " + name + " --"), options) << name;
  }
}

TEST(Completion, OffersWhatBeginsWithWhatIsThere) {
  EXPECT_THAT(Offered("settle saga s"), ElementsAre("show", "start", "store", "submit"));
  EXPECT_THAT(Offered("settle in-"), ElementsAre("in-doubt"));
  EXPECT_THAT(Offered("settle resolve GTID commit --rea"), ElementsAre("--reason"));
  EXPECT_THAT(Offered("settle nonsense "), IsEmpty());
}

TEST(Completion, OffersFilesAndChoicesWhereTheyBelong) {
  EXPECT_THAT(Offered("settle resolve GTID "), ElementsAre("abort", "commit"));
  EXPECT_THAT(Offered("settle resolve GTID c"), ElementsAre("commit"));
  EXPECT_THAT(Offered("settle resolve "), IsEmpty());
  EXPECT_THAT(Offered("settle list --limit "), IsEmpty());
  const std::string folder = std::string(SOURCE) + "/packaging/settled.c";
  EXPECT_THAT(Offered("settle agent --sqlite " + folder), ElementsAre(folder + "onf"));
  EXPECT_THAT(Offered("settle saga submit " + folder), ElementsAre(folder + "onf"));
  EXPECT_THAT(Offered("settled --config " + folder), ElementsAre(folder + "onf"));
  EXPECT_THAT(Offered("settled --config=" + folder), ElementsAre(folder + "onf"));
}

TEST(Completion, OffersTheDaemonsOptionsAndTheirChoices) {
  std::set<std::string> options;
  for (const std::string& option : DaemonOptions()) options.insert(FirstWord(option));
  EXPECT_EQ(OfferedSet("settled "), options);
  EXPECT_THAT(Offered("settled --log-level "), ElementsAre("debug", "error", "info", "warning"));
  EXPECT_THAT(Offered("settled --log-format=j"), ElementsAre("json"));
  EXPECT_THAT(Offered("settled --listen "), IsEmpty());
}

TEST(Completion, OffersNothingWhereTheProgramIsMissing) {
  const ProgramOutput output = OutputOfWords(
      {"bash", "-uc",
       "source \"$1\"; COMP_LINE='/nonexistent/settle '; COMP_POINT=${#COMP_LINE}; _settle; "
       "printf '%s' \"${#COMPREPLY[@]}\"",
       "bash", std::string(SOURCE) + "/packaging/bash-completion/settle"});
  EXPECT_EQ(output.text, "0\n");
}

}  // namespace
}  // namespace settle::testing
