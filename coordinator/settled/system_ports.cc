#include "settled/system_ports.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace settle::coordinator {
namespace {

template <typename T>
T Random() {
  T value{};
  // So few bytes come whole, without a signal's interruption; the kernel may only not be ready yet
  // and then waits.
  if (::getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return value;
}

}  // namespace

Instant SystemClock::Now() const { return std::chrono::steady_clock::now(); }

WallTime SystemClock::WallNow() const {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count();
}

std::uint32_t RandomIds::Tail() { return Random<std::uint32_t>(); }

std::string RandomIds::SessionName() {
  constexpr const char* kHex = "0123456789abcdef";
  std::string name;
  for (const std::uint8_t byte : Random<std::array<std::uint8_t, 16>>()) {
    name += kHex[byte >> 4];
    name += kHex[byte & 15];
  }
  return name;
}

double RandomIds::Jitter() { return static_cast<double>(Random<std::uint32_t>()) / 4294967296.0; }

}  // namespace settle::coordinator
