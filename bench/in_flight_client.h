// One connection with many transactions in flight: calls are sent before the replies to those
// before them are received.
#pragma once

#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "bench/no_op_participant.h"
#include "bench/wire_client.h"
#include "wire/CoordinatorService.h"

namespace settle::bench {

// The generated client, whose send and receive are called apart. Used by one thread. Throws what
// the wire client throws.
class InFlightClient {
 public:
  // The participant must outlive this.
  InFlightClient(const Endpoint& endpoint, NoOpParticipant& participant, int in_flight);

  // Sends and receives until one more transaction is committed (NoOpClient::Transaction), and
  // another one is begun in its place. Gives how long the transaction took in microseconds, from
  // its begin to its acknowledgement. Blocking.
  double Next();

  // Waits for all that are in flight, and begins none. How many were committed.
  std::uint64_t Drain();

 private:
  using Clock = std::chrono::steady_clock;
  struct Call {
    std::string gtid;  // to be committed; empty: to be begun
    Clock::time_point begun;
  };

  void SendBegin();
  void Write();
  // Whether it was a commit; what follows a begin is sent.
  bool Receive(Call& call);

  NoOpParticipant& participant_;
  const int in_flight_;
  const std::shared_ptr<apache::thrift::transport::TSocket> socket_;
  // What was sent and not written yet: several calls are one system call.
  const std::shared_ptr<apache::thrift::transport::TMemoryBuffer> unwritten_;
  wire::CoordinatorServiceClient coordinator_;
  std::deque<Call> calls_;  // without a reply, in the order in which they were sent
  std::size_t unwritten_calls_ = 0;
};

}  // namespace settle::bench
