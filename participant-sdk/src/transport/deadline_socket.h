// A TCP socket whose reads end at a deadline, however slowly the bytes drip, or when interrupted.
// Thrift's own receive time-out starts anew with every byte.
#pragma once

#include <thrift/transport/TSocket.h>

#include <chrono>

#include "transport/interrupter.h"

namespace settle::sdk {

class DeadlineSocket : public apache::thrift::transport::TSocket {
 public:
  // `interrupter` may be null; it must outlive the socket.
  DeadlineSocket(const std::string& host, int port,
                 std::shared_ptr<apache::thrift::TConfiguration> limits,
                 const Interrupter* interrupter);

  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }
  uint32_t read(uint8_t* buffer, uint32_t length) override;

 private:
  void AwaitReadable();

  const Interrupter* interrupter_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace settle::sdk
