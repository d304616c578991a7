// The `settle` command, as an operator's script runs it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/wait_until.h"

namespace settle::testing {

struct CliAnswer {
  int code = -1;  // of exit; -1 when it did not end in time
  std::string out;
  std::string err;
  nlohmann::json json;  // of `out`, where that is JSON
};

// Blocking. `words` as typed after `settle --address ... --json`.
CliAnswer RunCli(const std::string& address, const std::vector<std::string>& words);

}  // namespace settle::testing
