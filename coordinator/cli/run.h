// The whole `settle` command but for the process around it: words in, text and an exit code out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "settle/tls.h"

namespace settle::cli {

struct Environment {
  std::string default_address{};  // empty: 127.0.0.1:7420
  std::int64_t now_us = 0;        // microseconds since 1970-01-01 UTC
  bool colours = false;
  bool terminal = false;  // standard output is one
  // Takes what is to be printed before the end is known; false: it cannot be written. None: it is
  // kept for Printed::out.
  std::function<bool(const std::string& text)> print{};
  // As Surroundings::progress; none: nobody watches.
  std::function<void(const std::string& text)> progress{};
  TlsOptions default_tls{};  // what the command line does not give
};

struct Printed {
  std::string out;
  std::string err;
  ExitCode exit = ExitCode::kOk;
};

// Blocking. `words` without the program's name.
Printed Run(const std::vector<std::string>& words, const Environment& environment);

}  // namespace settle::cli
