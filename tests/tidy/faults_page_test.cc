// docs/faults.md against the tests: whoever adds a fault, a test of one, or takes one away, is told
// here. What the page says of where tests are is written by
//
//   SETTLE_SOURCE=$PWD SETTLE_REWRITE_FAULTS=1 build/dev/bin/tidy_test --gtest_filter='FaultsPage*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace settle::testing {
namespace {

namespace fs = std::filesystem;
using Text = std::string;

fs::path Top() {
  const char* source = std::getenv("SETTLE_SOURCE");
  return source == nullptr ? fs::current_path() : fs::path(source);
}
fs::path Page() { return Top() / "docs/faults.md"; }

std::set<Text> AllOf(const Text& text, const std::regex& pattern, int group = 1) {
  std::set<Text> found;
  for (std::sregex_iterator one(text.begin(), text.end(), pattern), end; one != end; ++one) {
    found.insert((*one)[group]);
  }
  return found;
}

std::vector<Text> LinesOf(const fs::path& path) {
  std::ifstream file(path);
  std::vector<Text> lines;
  for (Text line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Text ContentOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the tests are called, and where the ids of faults stand in those names.
struct Tree {
  std::set<Text> tests;                  // "LogFaults.L02_AFailedFlushIsUnknown..."
  std::map<Text, std::set<Text>> files;  // by id: "log/sqlite_log_faults_test"
};

Tree TestsOfTheTree() {
  // In a name there may be several, one after another. What gives each crash of a table its name
  // begins a string.
  static const std::regex named(R"((?:[\s,(]|def test_|")((?:[A-Z]\d\d_)+)\w)");
  static const std::regex in_a_table(R"re("([A-Z]\d\d)")re");
  static const std::regex id(R"(([A-Z]\d\d)_)");
  static const std::regex test(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(Top() / "tests")) {
    const fs::path& path = entry.path();
    if (path.extension() != ".cc" && path.extension() != ".py") continue;
    const fs::path inside = fs::relative(path, Top() / "tests");
    const Text file = (inside.parent_path() / inside.stem()).string();
    const Text content = ContentOf(path);
    for (std::sregex_iterator one(content.begin(), content.end(), test), end; one != end; ++one) {
      tree.tests.insert((*one)[1].str() + "." + (*one)[2].str());
    }
    for (const Text& ids : AllOf(content, named)) {
      for (const Text& one : AllOf(ids, id)) tree.files[one].insert(file);
    }
    for (const Text& one : AllOf(content, in_a_table)) tree.files[one].insert(file);
  }
  return tree;
}

// | id | fault | outcome | a test by its name | files |
std::vector<Text> CellsOf(const Text& line) {
  static const std::regex row(R"(\| ([A-Z]\d\d) \|.*\|)");
  if (!std::regex_match(line, row)) return {};
  std::vector<Text> cells;
  for (std::size_t from = 1, to; (to = line.find('|', from)) != Text::npos; from = to + 1) {
    const Text cell = line.substr(from, to - from);
    const std::size_t first = cell.find_first_not_of(' ');
    cells.push_back(
        first == Text::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return cells;
}

Text Listed(const std::set<Text>& files) {
  Text list;
  for (const Text& file : files) list += (list.empty() ? "" : ", ") + file;
  return list;
}

void RewriteFiles(const Tree& tree) {
  const std::vector<Text> lines = LinesOf(Page());
  std::ofstream page(Page());
  for (const Text& line : lines) {
    const std::vector<Text> cells = CellsOf(line);
    const auto found = cells.size() == 5 ? tree.files.find(cells[0]) : tree.files.end();
    if (found == tree.files.end()) {
      page << line << '\n';
      continue;
    }
    page << "| ";
    for (int i = 0; i < 4; ++i) page << cells[static_cast<std::size_t>(i)] << " | ";
    page << Listed(found->second) << " |\n";
  }
}

TEST(FaultsPage, HasARowWithoutAnEmptyCellForEachFaultAndNamesItsTests) {
  const Tree tree = TestsOfTheTree();
  ASSERT_GT(tree.tests.size(), 1000u) << "is SETTLE_SOURCE set?";
  if (std::getenv("SETTLE_REWRITE_FAULTS") != nullptr) RewriteFiles(tree);
  std::set<Text> rows;
  for (const Text& line : LinesOf(Page())) {
    const std::vector<Text> cells = CellsOf(line);
    if (cells.empty()) continue;
    ASSERT_EQ(cells.size(), 5u) << line;
    const Text& id = cells[0];
    EXPECT_TRUE(rows.insert(id).second) << id << " has two rows";
    for (const Text& cell : cells) EXPECT_FALSE(cell.empty()) << "an empty cell of " << id;
    const Text named = cells[3].size() > 2 ? cells[3].substr(1, cells[3].size() - 2) : "";
    EXPECT_TRUE(tree.tests.contains(named)) << id << ": there is no test " << cells[3];
    EXPECT_NE(named.find(id + "_"), Text::npos) << named << " does not carry the id of its row";
    const auto found = tree.files.find(id);
    ASSERT_NE(found, tree.files.end()) << id << " has no test";
    EXPECT_EQ(cells[4], Listed(found->second))
        << id << ": write it anew as the head of faults_page_test.cc says, and review it";
  }
  EXPECT_GT(rows.size(), 80u);
  for (const auto& [id, files] : tree.files) {
    EXPECT_TRUE(rows.contains(id)) << "no row for " << id << " of " << Listed(files);
  }
}

}  // namespace
}  // namespace settle::testing
