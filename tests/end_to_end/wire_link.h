// A connection to one service of a daemon, on nothing but the wire contract.
#pragma once

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <memory>
#include <string>
#include <utility>

#include "end_to_end/daemon.h"
#include "wire/types_types.h"

namespace settle::testing {

// Opened when it is needed and after each loss.
template <typename Client>
class WireLink {
 public:
  WireLink(const Daemon& daemon, std::string service)
      : daemon_(daemon), service_(std::move(service)) {}

  // False when the daemon is not there. What it refuses is thrown (wire::ServiceError).
  template <typename Call>
  bool Try(Call call) {
    try {
      if (!client_) Connect();
      call(*client_);
      return true;
    } catch (const apache::thrift::TException& error) {
      const bool answered = dynamic_cast<const wire::ServiceError*>(&error) != nullptr;
      if (!answered) client_.reset();
      if (answered) throw;
      return false;
    }
  }

 private:
  void Connect() {
    namespace thrift = apache::thrift;
    auto socket = std::make_shared<thrift::transport::TSocket>("127.0.0.1", daemon_.port());
    socket->setConnTimeout(5'000);
    socket->setRecvTimeout(20'000);
    auto framed = std::make_shared<thrift::transport::TFramedTransport>(socket);
    auto binary = std::make_shared<thrift::protocol::TBinaryProtocol>(framed);
    framed->open();
    client_ = std::make_unique<Client>(
        std::make_shared<thrift::protocol::TMultiplexedProtocol>(binary, service_));
  }

  const Daemon& daemon_;
  const std::string service_;
  std::unique_ptr<Client> client_;
};

}  // namespace settle::testing
