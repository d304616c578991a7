#include "server/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>

#include "settle/vocabulary/gtid.h"

namespace settle::server {
namespace {

constexpr std::string_view kUnix = "unix:";

SocketAddress UnixAddress(const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  path.copy(un.sun_path, sizeof(un.sun_path) - 1);
  SocketAddress result;
  std::memcpy(&result.storage, &un, sizeof(un));
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

}  // namespace

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  if (!text.starts_with(kUnix)) return ParseTcpAddress(text);
  const std::string_view path = text.substr(kUnix.size());
  const bool printable = std::all_of(path.begin(), path.end(), [](char c) { return c > ' '; });
  if (!path.starts_with('/') || path.ends_with('/') || !printable ||
      path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not unix:/PATH",
                "write the whole path of a file, in printable characters and " +
                    std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                    " bytes at most: unix:/run/settle/settled.sock");
  }
  return ListenAddress{.path = std::string(path)};
}

Result<ListenAddress> ParseTcpAddress(std::string_view text) {
  const auto wrong = [&] {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not HOST:PORT",
                "write for example 127.0.0.1:7420 or [::1]:7420; port 0 takes any free one");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();  // an IPv6 address without brackets: where it ends is not known
  }
  ListenAddress address;
  address.host = std::string(host);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (host.empty() || port.empty() || error != std::errc{} || end != port.data() + port.size()) {
    return wrong();
  }
  return address;
}

bool SocketAddress::loopback() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof(in));
    return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof(in));
    return IN6_IS_ADDR_LOOPBACK(&in.sin6_addr) != 0;
  }
  return is_unix();
}

std::string SocketAddress::path() const {
  if (!is_unix() || length <= offsetof(sockaddr_un, sun_path)) return "";
  sockaddr_un un{};
  std::memcpy(&un, &storage, length);
  return un.sun_path;
}

bool SocketAddress::any() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof(in));
    return in.sin_addr.s_addr == htonl(INADDR_ANY);
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof(in));
    return IN6_IS_ADDR_UNSPECIFIED(&in.sin6_addr) != 0;
  }
  return false;
}

std::string SocketAddress::text() const {
  if (is_unix()) return std::string(kUnix) + path();
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  sockaddr_storage copy = storage;
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&copy), length, host.data(), host.size(),
                    port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "an unnamed address";
  }
  const std::string name = host.data();
  return (storage.ss_family == AF_INET6 ? "[" + name + "]" : name) + ":" + port.data();
}

Result<SocketAddress> Resolve(const ListenAddress& address) {
  if (!address.path.empty()) return UnixAddress(address.path);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) {
    return Fail(
        ErrorCode::kUnavailable,
        "the host \"" + Escaped(address.host) + "\" has no address: " + ::gai_strerror(failed),
        "give an address of this machine");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  SocketAddress result;
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  result.length = found->ai_addrlen;
  return result;
}

}  // namespace settle::server
