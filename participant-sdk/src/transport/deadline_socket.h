// A TCP connection for Thrift on which everything, connecting, sending and receiving, ends at a
// deadline, however slowly the bytes drip, or when interrupted. Thrift's own socket starts its
// time-out anew with every byte, and writes to standard error.
#pragma once

#include <thrift/transport/TVirtualTransport.h>

#include <chrono>
#include <memory>
#include <string>

#include "transport/interrupter.h"

struct addrinfo;

namespace settle::sdk {

// Used by one thread at a time. Throws apache::thrift::transport::TTransportException.
class DeadlineSocket
    : public apache::thrift::transport::TVirtualTransport<DeadlineSocket> {
 public:
  // `interrupter` may be null; it must outlive the socket.
  DeadlineSocket(std::shared_ptr<apache::thrift::TConfiguration> limits,
                 const Interrupter* interrupter);
  ~DeadlineSocket() override;

  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  // Tries each of the host's addresses. Looking the name up is the system's, which keeps no
  // deadline.
  void Connect(const std::string& host, int port);
  bool isOpen() const override { return socket_ >= 0; }
  void close() override;
  uint32_t read(uint8_t* buffer, uint32_t length);  // 0: the peer has closed
  void write(const uint8_t* buffer, uint32_t length);
  void flush() override {}

 private:
  void ConnectTo(const addrinfo& address);
  void Await(short events);

  const Interrupter* interrupter_;
  std::chrono::steady_clock::time_point deadline_;
  int socket_ = -1;
};

}  // namespace settle::sdk
