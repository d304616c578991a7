// What the README and docs/ show is what the examples compile. A block that follows the line
//
//   <!-- from examples/x/main.cc, Transfer -->
//
// is, but for its indentation, what that file has between its comments "Transfer begins" and
// "Transfer ends".
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>

namespace settle::testing {
namespace {

namespace fs = std::filesystem;

fs::path Top() {
  const char* source = std::getenv("SETTLE_SOURCE");
  return source == nullptr ? "." : source;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string WithoutIndentation(const std::vector<std::string>& lines) {
  std::size_t indentation = std::string::npos;
  for (const std::string& line : lines) {
    if (!line.empty()) indentation = std::min(indentation, line.find_first_not_of(' '));
  }
  std::string text;
  for (const std::string& line : lines) {
    text += (line.empty() ? line : line.substr(indentation)) + "\n";
  }
  return text;
}

// Between the comments; says what is missing if one is.
std::string Named(const std::string& name, const fs::path& file) {
  std::vector<std::string> block;
  bool inside = false;
  for (const std::string& line : LinesOf(Read(Top() / file))) {
    if (inside && line.ends_with(" " + name + " ends")) return WithoutIndentation(block);
    if (inside) block.push_back(line);
    inside = inside || line.ends_with(" " + name + " begins");
  }
  return file.string() + " has no part named " + name;
}

TEST(Documents, ShowWhatTheExamplesCompile) {
  std::vector<fs::path> documents{Top() / "README.md"};
  for (const auto& entry : fs::directory_iterator(Top() / "docs")) {
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  }
  const std::regex shown("<!-- from (\\S+), (\\w+) -->\n```\\w+\n([^`]*)```");
  std::size_t blocks = 0;
  for (const fs::path& document : documents) {
    const std::string text = Read(document);
    std::size_t announced = 0;
    for (std::size_t at = text.find("<!-- from "); at != std::string::npos;
         at = text.find("<!-- from ", at + 1)) {
      ++announced;
    }
    std::size_t found = 0;
    for (std::sregex_iterator each(text.begin(), text.end(), shown), end; each != end; ++each) {
      EXPECT_EQ(Named((*each)[2], std::string((*each)[1])), (*each)[3]) << "in " << document;
      ++found;
    }
    EXPECT_EQ(found, announced) << "in " << document << ": an announcement has no block after it";
    blocks += found;
  }
  EXPECT_GE(blocks, 7u);
}

}  // namespace
}  // namespace settle::testing
