// A message of Thrift's strict binary protocol, in parts: four bytes of version and type, the
// method's name, the number of the call, and behind them the fields. Whoever calls these has
// checked that it is a whole one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace settle::fuzz {

inline constexpr std::size_t kMessageLeast = 12;  // with no name and no fields

// Of the four bytes at `at`, big-endian.
inline std::uint32_t NumberAt(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (const char each : bytes.substr(at, 4))
    number = number << 8 | static_cast<std::uint8_t>(each);
  return number;
}

// Behind the service's name and a colon.
inline std::string MethodOf(std::string_view message) {
  const std::string_view name = message.substr(8, NumberAt(message, 4));
  return std::string(name.substr(name.find(':') + 1));
}

// Four bytes.
inline std::string CallNumberOf(std::string_view message) {
  return std::string(message.substr(8 + NumberAt(message, 4), 4));
}

inline std::string FieldsOf(std::string_view message) {
  return std::string(message.substr(12 + NumberAt(message, 4)));
}

}  // namespace settle::fuzz
