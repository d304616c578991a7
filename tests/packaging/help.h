// What the programs say of themselves, for what must not say less or more.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/program_output.h"

namespace settle::testing {

inline std::vector<std::string> Help(const std::string& program, std::vector<std::string> words) {
  const ProgramOutput output = OutputOf(program, std::move(words));
  EXPECT_EQ(output.exit_code, 0) << output.text;
  return output.lines;
}

// The first group of `pattern` in each line that matches it.
inline std::set<std::string> Matches(const std::vector<std::string>& lines, const char* pattern) {
  const std::regex wanted(pattern);
  std::set<std::string> found;
  std::smatch match;
  for (const std::string& line : lines) {
    if (std::regex_search(line, match, wanted)) found.insert(match[1]);
  }
  return found;
}

// The daemon's options with what they take: "--log PATH", "--insecure".
inline std::set<std::string> DaemonOptions() {
  return Matches(Help("settled", {"--help"}),
                 R"(^  (--[a-z-]+( ([A-Z][A-Z0-9:=,.@-]*|[a-z]+(\|[a-z]+)+))?)( |$))");
}

// The command's verbs as it writes them: "show GTID".
inline std::set<std::string> VerbSynopses() {
  return Matches(Help("settle", {"help"}), "^  ([a-z].*)$");
}

// "saga show GTID" -> "saga show".
inline std::string NameOf(const std::string& synopsis) {
  const std::regex name("^[a-z][a-z-]*( [a-z][a-z-]*(?![a-z-]*[|]))*(?= |$)");
  std::smatch match;
  return std::regex_search(synopsis, match, name) ? match.str() : "";
}

// Of one verb, or of every one: "--reason TEXT", "--json".
inline std::set<std::string> OptionsOf(const std::vector<std::string>& help) {
  std::set<std::string> options =
      Matches(help, R"(^  (--[a-z-]+( [A-Z][A-Z0-9:=,.@-]*)?)(  |,|$))");
  options.insert("--version");  // stands behind --help in one line
  return options;
}

}  // namespace settle::testing
