// The table `meta`: what is known of the log itself, by name. Each value carries a CRC-32, because
// a flipped bit in an epoch would be believed.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "log/sqlite.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// kCorrupt: missing or damaged.
[[nodiscard]] Result<std::string> ReadMeta(sqlite::Connection& connection, const std::string& path,
                                           std::string_view name);
// Within the caller's transaction, as the rest.
[[nodiscard]] sqlite::Expected<void> WriteMeta(sqlite::Connection& connection,
                                               std::string_view name, std::string_view value);
[[nodiscard]] sqlite::Expected<void> RemoveMeta(sqlite::Connection& connection,
                                                std::string_view name);
[[nodiscard]] Result<bool> HasMeta(sqlite::Connection& connection, const std::string& path,
                                   std::string_view name);

// Of a row of that name and value.
std::int64_t MetaChecksum(std::string_view name, std::string_view value);

// kCorrupt for a name that this release does not give: a flipped bit would hide what the row says.
[[nodiscard]] Status CheckMetaNames(sqlite::Connection& connection, const std::string& path);

// Before the number of an epoch: the key of its gtids (log/seals.h).
inline constexpr std::string_view kSealPrefix = "seal.";

// The whole of `text`.
template <typename Number>
bool ParseNumber(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace settle::coordinator
