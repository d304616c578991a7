// The example configuration, which the package installs, against the daemon's own help.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

#include "settled/options.h"
#include "support/temporary_directory.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

const std::string& Path() {
  static const std::string path =
      std::string(std::getenv("SETTLE_SOURCE")) + "/packaging/settled.conf";
  return path;
}

struct Entry {
  std::string value;
  std::string explanation;
  bool commented_out = false;
};

// Of the file, by name: an entry is a paragraph of comments that ends with its `name = value`.
std::map<std::string, Entry> Examples() {
  const std::regex setting("(#?)([a-z-]+) = (.*)");
  std::map<std::string, Entry> entries;
  std::string explanation;
  std::ifstream file(Path());
  for (std::string line; std::getline(file, line);) {
    std::smatch found;
    if (std::regex_match(line, found, setting)) {
      EXPECT_TRUE(
          entries.insert({found[2], {found[3], explanation, found[1].length() == 1}}).second)
          << line;
    } else if (line.starts_with("# ")) {
      explanation += line.substr(1);
    } else {
      EXPECT_TRUE(line.empty() || line == "#" || line.starts_with("### ")) << line;
      explanation.clear();
    }
  }
  return entries;
}

Invocation Ask(std::vector<const char*> words) {
  words.insert(words.begin(), "settled");
  Result<Invocation> invocation = ParseInvocation(static_cast<int>(words.size()), words.data());
  if (!invocation) throw std::runtime_error(Describe(invocation.error()));
  return *std::move(invocation);
}

// Of --help, by name: what it says after the name, in one line. Without what a file cannot hold.
std::map<std::string, std::string> Helps() {
  std::istringstream help(Ask({"--help"}).text);
  std::map<std::string, std::string> helps;
  std::string name;
  for (std::string line; std::getline(help, line);) {
    const std::size_t text = line.find_first_not_of(' ');
    if (line.starts_with("  --")) {
      const std::size_t end = line.find(' ', text);
      name = line.substr(text + 2, end - text - 2);
      helps[name] = line.substr(end);
    } else if (text != std::string::npos && text > 10) {
      helps[name] += " " + line.substr(text);
    } else {
      name = "none";
    }
  }
  for (const char* asking : {"none", "config", "help", "version"}) helps.erase(asking);
  return helps;
}

TEST(ExampleConfiguration, NamesEveryOptionAndNoOther) {
  const std::map<std::string, Entry> examples = Examples();
  const std::map<std::string, std::string> helps = Helps();
  EXPECT_GT(helps.size(), 25u);
  for (const auto& [name, help] : helps) {
    EXPECT_TRUE(examples.contains(name)) << "packaging/settled.conf does not explain " << name;
  }
  for (const auto& [name, entry] : examples) {
    EXPECT_TRUE(helps.contains(name)) << "there is no option " << name;
  }
}

TEST(ExampleConfiguration, ShowsTheDefaultOfEachWithItsRange) {
  const std::map<std::string, Entry> examples = Examples();
  const std::regex the_default("default ([^ )]+)");
  const std::regex the_range("\\(([0-9a-z]+ to [0-9a-z]+);");
  int defaults = 0;
  for (const auto& [name, help] : Helps()) {
    if (!examples.contains(name)) continue;  // the test before says so
    const Entry& entry = examples.at(name);
    EXPECT_GT(entry.explanation.size(), 20u) << name << " is not explained";
    std::smatch found;
    if (std::regex_search(help, found, the_default)) {
      ++defaults;
      EXPECT_EQ(entry.value, found[1]) << name;
      EXPECT_TRUE(entry.commented_out) << name;
    }
    if (std::regex_search(help, found, the_range)) {
      EXPECT_THAT(entry.explanation, HasSubstr(" " + std::string(found[1]) + ".")) << name;
    }
  }
  EXPECT_GT(defaults, 20);
}

TEST(ExampleConfiguration, SetsTheLogAloneAndAllThatItShowsCanBeSet) {
  const Options options = Ask({"--config", Path().c_str()}).options.value();
  EXPECT_EQ(options.log_path, "/var/lib/settle/settle.db");
  EXPECT_EQ(options.ready_file, "");
  EXPECT_FALSE(options.insecure);

  const settle::testing::TemporaryDirectory directory;
  const std::string all = directory / "all.conf";
  {
    std::ofstream file(all);
    for (const auto& [name, entry] : Examples()) file << name << " = " << entry.value << "\n";
  }
  const Options shown = Ask({"--config", all.c_str()}).options.value();
  EXPECT_EQ(shown.ready_file, "/run/settle/ready");
  EXPECT_FALSE(shown.insecure);
  EXPECT_EQ(shown.engine.vote_timeout, options.engine.vote_timeout);
}

}  // namespace
}  // namespace settle::coordinator
