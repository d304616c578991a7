// docs/security.md names the test of each mechanism.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace settle::coordinator::access {
namespace {

namespace fs = std::filesystem;

fs::path Source() {
  const char* source = std::getenv("SETTLE_SOURCE");
  return source != nullptr ? source : ".";
}

std::string TextOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> TestsOfTheProject() {
  std::set<std::string> tests;
  const std::regex test("TEST(?:_F|_P)?\\(\\s*(\\w+),\\s*(\\w+)\\s*\\)");
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(Source() / "tests")) {
    if (file.path().extension() != ".cc") continue;
    const std::string text = TextOf(file.path());
    for (std::sregex_iterator it(text.begin(), text.end(), test), end; it != end; ++it)
      tests.insert((*it)[1].str() + "." + (*it)[2].str());
  }
  return tests;
}

TEST(SecurityPage, EveryTestThatItNamesExists) {
  const std::set<std::string> tests = TestsOfTheProject();
  const std::string page = TextOf(Source() / "docs/security.md");
  const std::regex named("`(\\w+\\.[A-Z]\\w+)`");
  std::size_t count = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), named), end; it != end; ++it, ++count)
    EXPECT_TRUE(tests.contains((*it)[1])) << (*it)[1] << " is named and does not exist";
  EXPECT_GE(count, 20U) << "the page names no tests";
}

TEST(SecurityPage, EveryThreatHasAMechanismAndATest) {
  std::istringstream lines(TextOf(Source() / "docs/security.md"));
  bool threats = false;
  std::size_t rows = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| threat |")) threats = true;
    if (!line.starts_with("|")) threats = false;
    if (!threats || line.starts_with("| threat |") || line.starts_with("|---")) continue;
    ++rows;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 4U) << line;
    EXPECT_THAT(cells[1], ::testing::MatchesRegex("..+")) << line;
    EXPECT_THAT(cells[2], ::testing::HasSubstr("`")) << line;
  }
  EXPECT_GE(rows, 15U);
}

}  // namespace
}  // namespace settle::coordinator::access
