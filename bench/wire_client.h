// A connection to a coordinator: the generated clients and nothing around them, so that it is the
// coordinator that is measured.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/load.h"
#include "wire/AdminService.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace settle::bench {

// Used by one thread at a time. Calls block, and throw: wire::ServiceError with the coordinator's
// words, Thrift's own exceptions for the rest. No reply within a minute is one of them.
class WireClient {
 public:
  // Connects to 127.0.0.1.
  explicit WireClient(std::uint16_t port);

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
wire::StatusReply AwaitAllEnded(std::uint16_t port, const Ended& wanted, const Stop& stop);

}  // namespace settle::bench
