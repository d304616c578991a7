#include "vocabulary/shell_word.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>

namespace settle {
namespace {

// What a shell makes of it.
std::string Pasted(const std::string& word) {
  const std::string command = "printf '%s.' " + word;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> shell(::popen(command.c_str(), "r"),
                                                              ::pclose);
  std::array<char, 1'000> said{};
  const std::size_t size = std::fread(said.data(), 1, said.size(), shell.get());
  return {said.data(), size};
}

TEST(ShellWord, X01_AShellMakesExactlyTheTextOfItAndRunsNothing) {
  for (const char* text : {"", " ", "two words", "it's", "'; echo injected; '", "$(echo injected)",
                           "`echo injected`", "$HOME", "a\\b", "\"q\"", "*", "~", "#x",
                           "a&b|c<d>e(f)g", "'", "''", "line\nbreak", "sqlite:9f3c:12"}) {
    EXPECT_EQ(Pasted(ShellWord(text)), std::string(text) + ".") << text;
  }
}

}  // namespace
}  // namespace settle
