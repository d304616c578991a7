// The command line, parsed: nothing is sent unless all of it is understood.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "settle/vocabulary/status.h"

namespace settle::cli {

struct Address {
  std::string host;
  std::uint16_t port = 0;
  std::string text() const;  // "host:port", "[host]:port" when the host has colons; printable
};

struct CommandLine {
  const Verb* verb = nullptr;  // null: only --version or --help was asked for
  Given given;
  Address address;
  bool address_given = false;                        // here, and not by a default
  std::optional<std::chrono::milliseconds> timeout;  // if it was given
  bool json = false;
  bool version = false;
  bool help = false;
};

inline constexpr std::chrono::milliseconds kDefaultTimeout{5'000};
inline constexpr const char* kDefaultAddress = "127.0.0.1:7420";

// `words` without the program's name. `default_address` is used when --address is not given. Errors
// are kInvalid and name the word that is wrong.
[[nodiscard]] Result<CommandLine> ParseCommandLine(const std::vector<std::string>& words,
                                                   const std::string& default_address);

// "127.0.0.1:7420", "db.example:7420", "[::1]:7420".
[[nodiscard]] Result<Address> ParseAddress(const std::string& text);

// "500ms", "5s", "2m"; from 1 ms to 1 hour.
[[nodiscard]] Result<std::chrono::milliseconds> ParseDuration(const std::string& text);

// True when the words ask for JSON; for the errors of a command line that cannot be parsed.
bool AsksForJson(const std::vector<std::string>& words);

}  // namespace settle::cli
