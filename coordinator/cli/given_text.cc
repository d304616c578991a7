#include "cli/given_text.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace settle::cli {
namespace {

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

Result<std::string> ReadText(const std::string& file, std::size_t bytes_most) {
  const std::string shown = file == "-" ? "standard input" : "\"" + Printable(file) + "\"";
  const auto unreadable = [&] {
    return Fail(ErrorCode::kInvalid,
                fmt::format("{} cannot be read: {}", shown, std::strerror(errno)),
                "nothing was sent");
  };
  const std::unique_ptr<std::FILE, Close> open(file == "-" ? stdin
                                                           : std::fopen(file.c_str(), "rb"));
  if (!open) return unreadable();
  std::string text;
  std::array<char, 65'536> part{};
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), open.get())) {
    text.append(part.data(), got);
    if (text.size() > bytes_most) {
      return Fail(ErrorCode::kInvalid, fmt::format("{} has more than {} bytes", shown, bytes_most),
                  "nothing was sent");
    }
  }
  if (std::ferror(open.get()) != 0) return unreadable();
  return text;
}

VerbOption InputOption() {
  return {"input", "JSON", "JSON, or @FILE to read it from a file, @- from standard input"};
}

Result<std::string> InputOf(const Given& given) {
  const std::string input = given.Option("input", "{}");
  if (input.starts_with('@')) {
    Result<std::string> text = ReadText(input.substr(1), kJsonBytesMost);
    if (!text || nlohmann::json::accept(*text)) return text;
    return Fail(
        ErrorCode::kInvalid,
        fmt::format("what --input reads from \"{}\" is no JSON", Printable(input.substr(1))),
        "nothing was sent");
  }
  if (input.size() > kJsonBytesMost) {
    return Fail(ErrorCode::kInvalid, fmt::format("--input has {} bytes, at most {} are allowed",
                                                 input.size(), kJsonBytesMost));
  }
  if (nlohmann::json::accept(input)) return input;
  return Fail(ErrorCode::kInvalid, fmt::format("--input {} is no JSON", Printable(input)),
              "nothing was sent; quote it for the shell, as in --input '{\"customer\": 7}'");
}

}  // namespace settle::cli
