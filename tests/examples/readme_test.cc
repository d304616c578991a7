// What the README shows is what the examples compile.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace settle::testing {
namespace {

std::string Read(const std::string& path) {
  const char* source = std::getenv("SETTLE_SOURCE");
  std::ifstream file(std::string(source == nullptr ? "." : source) + "/" + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return "\"" + from + "\" is missing";
  const std::size_t end = text.find(to, begin + from.size());
  if (end == std::string::npos) return "\"" + to + "\" is missing";
  return text.substr(begin + from.size(), end - begin - from.size());
}

TEST(Readme, ShowsTheTransferThatTheExampleCompiles) {
  EXPECT_EQ(
      Between(Read("README.md"), "<!-- from examples/first_transaction/main.cc -->\n```cpp\n",
              "```"),
      Between(Read("examples/first_transaction/main.cc"), "// README begins\n", "// README ends"));
}

TEST(Readme, ShowsTheLinesByWhichTheExampleFindsSettle) {
  EXPECT_EQ(Between(Read("README.md"),
                    "<!-- from examples/first_transaction/CMakeLists.txt -->\n```cmake\n", "```"),
            Between(Read("examples/first_transaction/CMakeLists.txt"), "# README begins\n",
                    "# README ends"));
}

}  // namespace
}  // namespace settle::testing
