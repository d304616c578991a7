// A connection for Thrift, plain, TLS or of a Unix socket, on which everything, connecting, shaking
// hands, sending and receiving, ends at a deadline, however slowly the bytes drip, or when
// interrupted. Thrift's own socket starts its time-out anew with every byte, and writes to standard
// error.
#pragma once

#include <thrift/transport/TVirtualTransport.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel/channel.h"
#include "transport/address.h"
#include "transport/dial_tls.h"
#include "transport/interrupter.h"

struct addrinfo;

namespace settle::sdk {

// Used by one thread at a time. Throws apache::thrift::transport::TTransportException.
class DeadlineSocket : public apache::thrift::transport::TVirtualTransport<DeadlineSocket> {
 public:
  // `interrupter` may be null; it must outlive the socket.
  DeadlineSocket(std::shared_ptr<apache::thrift::TConfiguration> limits,
                 const Interrupter* interrupter);
  ~DeadlineSocket() override;

  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  // Tries each of the host's addresses. Looking the name up is the system's, which keeps no
  // deadline. What the exception says of a failed TLS handshake is for people.
  void Connect(const Address& address, const DialTls& tls = {});
  bool isOpen() const override { return channel_.has_value(); }
  void close() override { channel_.reset(); }
  // Of the other side's certificate; none when plain.
  std::vector<std::string> peer_names() const { return channel_->peer_names(); }
  uint32_t read(uint8_t* buffer, uint32_t length);  // 0: the peer has closed
  void write(const uint8_t* buffer, uint32_t length);
  void flush() override {}

 private:
  struct Target;
  void ConnectToAny(const addrinfo* addresses, const DialTls& tls);
  void ConnectTo(const Target& target, const DialTls& tls);
  void ShakeHands();
  void ReadByWaiting();
  void Await(short events);
  // Waits for what the step wants, or throws what broke.
  void AwaitFor(const channel::Step& step);

  const Interrupter* interrupter_;
  std::chrono::steady_clock::time_point deadline_;
  std::optional<channel::Channel> channel_;
  bool blocking_ = false;  // its socket waits in recv
};

}  // namespace settle::sdk
