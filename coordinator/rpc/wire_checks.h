// What the conversions from the wire check with; of no use to anybody else.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>

#include "engine/engine.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

inline constexpr std::size_t kNameBytesMax = 200;
inline constexpr std::size_t kWordsBytesMax = 1'000;
inline constexpr std::size_t kKeyBytesMax = 64;
inline constexpr std::size_t kReleaseBytesMax = 50;
inline constexpr std::size_t kJsonBytesMax = 64 * 1024;
inline constexpr std::int64_t kMillisecondsMax = 86'400'000;
inline constexpr std::int64_t kWaitsMsMost = 100LL * 365 * kMillisecondsMax;  // a hundred years

// The generated code loads enums unchecked: the value must not be looked at as the enum before it
// is known.
template <typename Enum>
std::int32_t Raw(const Enum& value) {
  std::int32_t raw = 0;
  static_assert(sizeof(raw) == sizeof(value));
  std::memcpy(&raw, &value, sizeof(raw));
  return raw;
}

inline tl::unexpected<Error> Wrong(const char* what, const std::string& why) {
  return Fail(ErrorCode::kInvalid, std::string(what) + " " + why);
}

inline tl::unexpected<Error> UnknownValue(const char* what, std::int32_t raw) {
  return Fail(ErrorCode::kInvalid, std::string(what) + " has the value " + std::to_string(raw) +
                                       ", which this version of the contract does not know");
}

inline Result<std::chrono::milliseconds> MillisecondsFromWire(const char* what,
                                                              std::int64_t value) {
  if (value < 0 || value > kMillisecondsMax) {
    return Wrong(what, "is " + std::to_string(value) + " ms; 0 to " +
                           std::to_string(kMillisecondsMax) + " are allowed");
  }
  return std::chrono::milliseconds(value);
}

// What one process serves. For each, every shard looks through all that runs when the process
// comes.
inline Status CheckServed(const char* what, std::size_t names) {
  constexpr std::size_t kServedMax = 1'000;
  if (names <= kServedMax) return {};
  return Wrong(what, "are " + std::to_string(names) + "; at most " + std::to_string(kServedMax) +
                         " are allowed");
}

inline Result<BranchNumber> BranchFromWire(std::int32_t number) {
  if (number < 1 || number > static_cast<std::int32_t>(kBranchNumberMax)) {
    return Wrong("branch", "is " + std::to_string(number) + "; branches are numbered from 1 to " +
                               std::to_string(kBranchNumberMax));
  }
  return static_cast<BranchNumber>(number);
}

}  // namespace settle::coordinator
