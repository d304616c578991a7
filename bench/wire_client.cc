#include "bench/wire_client.h"

#include <fmt/format.h>
#include <thrift/TOutput.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSSLSocket.h>
#include <thrift/transport/TSocket.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace settle::bench {
namespace {

using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TMultiplexedProtocol;
using apache::thrift::protocol::TProtocol;
using apache::thrift::transport::TBufferedTransport;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TSocket;
using apache::thrift::transport::TSSLSocketFactory;

constexpr int kTimeoutMs = 60'000;
constexpr std::chrono::seconds kPatience{30};

std::shared_ptr<TProtocol> Connect(const Endpoint& endpoint) {
  // Buffered: a frame's length and its body are one system call.
  return std::make_shared<TBinaryProtocol>(std::make_shared<TFramedTransport>(
      std::make_shared<TBufferedTransport>(Dial(endpoint), 4096)));
}

std::shared_ptr<TProtocol> Service(const std::shared_ptr<TProtocol>& protocol, const char* name) {
  return std::make_shared<TMultiplexedProtocol>(protocol, name);
}

std::int64_t OpenOf(const wire::StatusReply& status) {
  std::int64_t open = 0;
  for (const auto& [state, count] : status.open) open += count;
  return open;
}

}  // namespace

Endpoint::Tls TlsWith(const channel::TlsFiles& files) {
  auto factory = std::make_shared<TSSLSocketFactory>();
  factory->authenticate(true);
  factory->loadTrustedCertificates(files.ca.c_str());
  factory->loadCertificate(files.certificate.c_str());
  factory->loadPrivateKey(files.key.c_str());
  return factory;
}

std::shared_ptr<TSocket> Dial(const Endpoint& endpoint) {
  // What is thrown need not be printed by Thrift as well.
  apache::thrift::GlobalOutput.setOutputFunction([](const char*) {});
  std::shared_ptr<TSocket> socket;
  if (endpoint.tls) {
    socket = endpoint.tls->createSocket("127.0.0.1", endpoint.port);
  } else {
    socket = std::make_shared<TSocket>("127.0.0.1", endpoint.port);
  }
  socket->setConnTimeout(kTimeoutMs);
  socket->setRecvTimeout(kTimeoutMs);
  socket->setSendTimeout(kTimeoutMs);
  socket->open();
  return socket;
}

WireClient::WireClient(const Endpoint& endpoint) : WireClient(Connect(endpoint)) {}

WireClient::WireClient(const std::shared_ptr<TProtocol>& connection)
    : coordinator(Service(connection, "coordinator")),
      participant(Service(connection, "participant")),
      admin(Service(connection, "admin")) {}

wire::StatusReply AwaitAllEnded(const Endpoint& endpoint, const Ended& wanted, const Stop& stop) {
  WireClient client(endpoint);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    wire::StatusReply status;
    client.admin.status(status);
    const std::int64_t open = OpenOf(status);
    const Ended ended{static_cast<std::uint64_t>(status.committed),
                      static_cast<std::uint64_t>(status.aborted)};
    if (open == 0 && ended == wanted && status.heuristics == 0) return status;
    if (stop) throw Interrupted{};
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(fmt::format(
          "clients were told of {} committed and {} aborted, but the coordinator counts {} "
          "committed, {} aborted, {} damaged and {} still open",
          wanted.committed, wanted.aborted, ended.committed, ended.aborted, status.heuristics,
          open));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace settle::bench
