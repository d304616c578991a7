#include "bench/wire_client.h"

#include <fmt/format.h>
#include <thrift/TOutput.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
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

constexpr int kTimeoutMs = 60'000;
constexpr std::chrono::seconds kPatience{30};

std::shared_ptr<TProtocol> Connect(std::uint16_t port) {
  // What is thrown need not be printed by Thrift as well.
  apache::thrift::GlobalOutput.setOutputFunction([](const char*) {});
  const auto socket = std::make_shared<TSocket>("127.0.0.1", port);
  socket->setConnTimeout(kTimeoutMs);
  socket->setRecvTimeout(kTimeoutMs);
  socket->setSendTimeout(kTimeoutMs);
  // Buffered: a frame's length and its body are one system call.
  const auto frames =
      std::make_shared<TFramedTransport>(std::make_shared<TBufferedTransport>(socket, 4096));
  frames->open();
  return std::make_shared<TBinaryProtocol>(frames);
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

WireClient::WireClient(std::uint16_t port) : WireClient(Connect(port)) {}

WireClient::WireClient(const std::shared_ptr<TProtocol>& connection)
    : coordinator(Service(connection, "coordinator")),
      participant(Service(connection, "participant")),
      admin(Service(connection, "admin")) {}

wire::StatusReply AwaitAllEnded(std::uint16_t port, const Ended& wanted, const Stop& stop) {
  WireClient client(port);
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
