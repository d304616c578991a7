// Where to listen, as people write it: 127.0.0.1:7420, [::1]:7420, localhost:0.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "settle/vocabulary/status.h"

namespace settle::server {

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;  // 0: any free one

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// "HOST:PORT"; an IPv6 address in brackets. kInvalid shows what was given.
[[nodiscard]] Result<ListenAddress> ParseListenAddress(std::string_view text);

// A socket address that a name stands for on this machine.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  // Reachable from this machine alone.
  bool loopback() const;
  // Every address of this machine: 0.0.0.0 or [::].
  bool any() const;
  // "127.0.0.1:7420", "[::1]:7420".
  std::string text() const;
};

// The first address that the host has; kUnavailable when it has none. May block on name resolution.
[[nodiscard]] Result<SocketAddress> Resolve(const ListenAddress& address);

}  // namespace settle::server
