// Where a coordinator or a peer is reached, as people write it.
#pragma once

#include <string>

#include "settle/vocabulary/status.h"

namespace settle::sdk {

struct Address {
  std::string host{};
  int port = 0;
  std::string path{};  // of a Unix socket; then neither host nor port

  bool is_unix() const { return !path.empty(); }
  // "127.0.0.1:7420", "[::1]:7420", "unix:/run/settle/settled.sock"; printable.
  std::string text() const;
};

// kInvalid unless it is one of these.
[[nodiscard]] Result<Address> ParseAddress(const std::string& text);

}  // namespace settle::sdk
