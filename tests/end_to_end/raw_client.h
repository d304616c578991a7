// A peer that does not keep to the protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/wait_until.h"

namespace settle::testing {

class RawClient {
 public:
  // Connects to 127.0.0.1. Throws std::runtime_error.
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // As much of it as the peer takes.
  void Send(std::string_view bytes) const;
  void CloseSending() const;
  // True when the peer has closed the connection within `bound`; what it sent before is in
  // `received`.
  bool IsClosed(std::chrono::milliseconds bound = kPatience);

  std::string received;

 private:
  int socket_;
};

// The four bytes before a frame.
std::string FrameLength(std::uint32_t length);

}  // namespace settle::testing
