// A connection to a coordinator: the generated clients and nothing around them, so that it is the
// coordinator that is measured.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "bench/load.h"
#include "channel/tls_material.h"
#include "wire/AdminService.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace apache::thrift::transport {
class TSocket;
class TSSLSocketFactory;
}  // namespace apache::thrift::transport

namespace settle::bench {

// Where a coordinator listens on 127.0.0.1.
struct Endpoint {
  using Tls = std::shared_ptr<apache::thrift::transport::TSSLSocketFactory>;

  Endpoint(std::uint16_t listening, Tls with = nullptr) : port(listening), tls(std::move(with)) {}

  std::uint16_t port;
  Tls tls;  // null: plain
};

// Thrift's own TLS, for whoever shows this certificate. Thread-safe.
Endpoint::Tls TlsWith(const channel::TlsFiles& files);

// Open, and with bounded waits: a minute at most for a reply.
std::shared_ptr<apache::thrift::transport::TSocket> Dial(const Endpoint& endpoint);

// Used by one thread at a time. Calls block, and throw: wire::ServiceError with the coordinator's
// words, Thrift's own exceptions for the rest. No reply within a minute is one of them.
class WireClient {
 public:
  explicit WireClient(const Endpoint& endpoint);  // connects

  wire::CoordinatorServiceClient coordinator;
  wire::ParticipantServiceClient participant;
  wire::AdminServiceClient admin;

 private:
  explicit WireClient(const std::shared_ptr<apache::thrift::protocol::TProtocol>& connection);
};

// How many transactions or sagas ended in which way.
struct Ended {
  std::uint64_t committed = 0;
  std::uint64_t aborted = 0;

  friend bool operator==(const Ended&, const Ended&) = default;
};

// Waits until so many, no more and no less, have ended in each way, none in another way, and none
// is open. Gives the coordinator's status then. Throws std::runtime_error with the counts when that
// is not so within half a minute; throws Interrupted.
wire::StatusReply AwaitAllEnded(const Endpoint& endpoint, const Ended& wanted, const Stop& stop);

}  // namespace settle::bench
