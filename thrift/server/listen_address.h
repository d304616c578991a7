// Where to listen, as people write it: 127.0.0.1:7420, [::1]:7420, localhost:0,
// unix:/run/settle/settled.sock.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "settle/vocabulary/status.h"

namespace settle::server {

struct ListenAddress {
  std::string host{};
  std::uint16_t port = 0;  // 0: any free one
  std::string path{};      // of a Unix socket; then neither host nor port

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// "HOST:PORT", an IPv6 address in brackets, or "unix:/PATH". kInvalid shows what was given.
[[nodiscard]] Result<ListenAddress> ParseListenAddress(std::string_view text);
// The same without Unix sockets.
[[nodiscard]] Result<ListenAddress> ParseTcpAddress(std::string_view text);

// A socket address that a name stands for on this machine.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  bool is_unix() const { return storage.ss_family == AF_UNIX; }
  // Of a Unix socket; empty: it has none, or is another kind.
  std::string path() const;
  // Reachable from this machine alone.
  bool loopback() const;
  // Every address of this machine: 0.0.0.0 or [::].
  bool any() const;
  // "127.0.0.1:7420", "[::1]:7420", "unix:/run/settle/settled.sock".
  std::string text() const;
};

// The first address that the host has; kUnavailable when it has none. May block on name resolution.
[[nodiscard]] Result<SocketAddress> Resolve(const ListenAddress& address);

}  // namespace settle::server
