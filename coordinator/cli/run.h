// The whole `settle` command but for the process around it: words in, text and an exit code out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/exit_code.h"

namespace settle::cli {

struct Environment {
  std::string default_address;  // empty: 127.0.0.1:7420
  std::int64_t now_us = 0;      // microseconds since 1970-01-01 UTC
  bool colours = false;
};

struct Printed {
  std::string out;
  std::string err;
  ExitCode exit = ExitCode::kOk;
};

// Blocking. `words` without the program's name.
Printed Run(const std::vector<std::string>& words, const Environment& environment);

}  // namespace settle::cli
