// The command line.
#pragma once

#include <string>
#include <vector>

#include "bench/suites.h"

namespace settle::bench {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitMissing = 3;
inline constexpr int kExitInterrupted = 130;

struct Options {
  std::vector<Suite> suites;  // to be measured, in this order
  bool json = false;
  bool help = false;
  SuiteOptions suite;
};

// Throws std::invalid_argument with words for whoever typed it.
Options ParseOptions(int argc, const char* const* argv);

std::string HelpText();

}  // namespace settle::bench
