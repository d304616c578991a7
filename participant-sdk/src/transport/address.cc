#include "transport/address.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "settle/vocabulary/gtid.h"

namespace settle::sdk {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kHostBytesMost = 253;

Result<Address> ParseUnix(const std::string& text) {
  Address address{.path = text.substr(kUnix.size())};
  if (address.path.starts_with('/') && address.path.size() < sizeof(sockaddr_un::sun_path)) {
    return address;
  }
  return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not unix:/PATH",
              "write the whole path of the coordinator's socket, for example "
              "unix:/run/settle/settled.sock");
}

}  // namespace

std::string Address::text() const {
  if (is_unix()) return std::string(kUnix) + Escaped(path);
  const bool colons = host.find(':') != std::string::npos;
  return (colons ? "[" + Escaped(host) + "]" : Escaped(host)) + ":" + std::to_string(port);
}

Result<Address> ParseAddress(const std::string& text) {
  if (text.starts_with(kUnix)) return ParseUnix(text);
  const auto wrong = [&] {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not HOST:PORT",
                "write for example 127.0.0.1:7420, [::1]:7420, or unix:/run/settle/settled.sock");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong();
  Address address{.host = text.substr(0, colon)};
  const bool bracketed = address.host.starts_with('[') && address.host.ends_with(']');
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  const bool colons = address.host.find(':') != std::string::npos;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc{} || stop != end || address.port < 1 || address.port > 65'535) {
    return wrong();
  }
  const bool host_fits = std::all_of(address.host.begin(), address.host.end(),
                                     [](char c) { return c > ' ' && c < 127 && c != '/'; });
  if (address.host.empty() || address.host.size() > kHostBytesMost || !host_fits ||
      colons != bracketed) {
    return wrong();
  }
  return address;
}

}  // namespace settle::sdk
