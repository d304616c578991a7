// The command line, parsed: nothing is sent unless all of it is understood.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "settle/tls.h"
#include "settle/vocabulary/status.h"
#include "transport/address.h"

namespace settle::cli {

using sdk::Address;
using sdk::ParseAddress;

struct CommandLine {
  const Verb* verb = nullptr;  // null: only --version or --help was asked for
  Given given;
  Address address;
  TlsOptions tls;
  std::string reached_by;                            // Surroundings::reached_by
  std::optional<std::chrono::milliseconds> timeout;  // if it was given
  bool json = false;
  bool version = false;
  bool help = false;
};

inline constexpr std::chrono::milliseconds kDefaultTimeout{5'000};
inline constexpr const char* kDefaultAddress = "127.0.0.1:7420";

// What is used where an option is not given.
struct Defaults {
  std::string address = kDefaultAddress;
  TlsOptions tls{};
};

// `words` without the program's name. Errors are kInvalid and name the word that is wrong.
[[nodiscard]] Result<CommandLine> ParseCommandLine(const std::vector<std::string>& words,
                                                   const Defaults& defaults);

// "500ms", "5s", "2m"; from 1 ms to 1 hour.
[[nodiscard]] Result<std::chrono::milliseconds> ParseDuration(const std::string& text);

// True when the words ask for JSON; for the errors of a command line that cannot be parsed.
bool AsksForJson(const std::vector<std::string>& words);

}  // namespace settle::cli
