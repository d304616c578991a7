#include "bench/in_flight_client.h"

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>

#include <utility>

#include "bench/no_op_client.h"

namespace settle::bench {
namespace {

using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TMultiplexedProtocol;
using apache::thrift::transport::TBufferedTransport;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TMemoryBuffer;

constexpr std::size_t kCallsPerWrite = 16;
constexpr std::uint32_t kReadBytes = 64 * 1024;

}  // namespace

InFlightClient::InFlightClient(const Endpoint& endpoint, NoOpParticipant& participant,
                               int in_flight)
    : participant_(participant),
      in_flight_(in_flight),
      socket_(Dial(endpoint)),
      unwritten_(std::make_shared<TMemoryBuffer>()),
      coordinator_(
          std::make_shared<TBinaryProtocol>(std::make_shared<TFramedTransport>(
              std::make_shared<TBufferedTransport>(socket_, kReadBytes))),
          std::make_shared<TMultiplexedProtocol>(
              std::make_shared<TBinaryProtocol>(std::make_shared<TFramedTransport>(unwritten_)),
              "coordinator")) {}

void InFlightClient::SendBegin() {
  coordinator_.send_begin_transaction(BeginOwn(participant_, kNoOpResources.size()));
  calls_.push_back({"", Clock::now()});
  ++unwritten_calls_;
}

void InFlightClient::Write() {
  std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;
  unwritten_->getBuffer(&bytes, &size);
  socket_->write(bytes, size);
  unwritten_->resetBuffer();
  unwritten_calls_ = 0;
}

bool InFlightClient::Receive(Call& call) {
  if (unwritten_calls_ >= kCallsPerWrite || unwritten_calls_ == calls_.size()) Write();
  call = std::move(calls_.front());
  calls_.pop_front();
  if (call.gtid.empty()) {
    wire::BeginReply begun;
    coordinator_.recv_begin_transaction(begun);
    coordinator_.send_commit(CommitOwn(begun.gtid, kNoOpResources));
    calls_.push_back({begun.gtid, call.begun});
    ++unwritten_calls_;
    return false;
  }
  wire::CommitReply reply;
  coordinator_.recv_commit(reply);
  CheckCommitted(reply);
  participant_.ReportCommitted(call.gtid, 1, static_cast<std::int32_t>(kNoOpResources.size()));
  return true;
}

double InFlightClient::Next() {
  while (calls_.size() < static_cast<std::size_t>(in_flight_)) SendBegin();
  Call call;
  while (!Receive(call)) {
  }
  return MicrosecondsSince(call.begun);
}

std::uint64_t InFlightClient::Drain() {
  std::uint64_t committed = 0;
  Call call;
  while (!calls_.empty()) committed += Receive(call) ? 1 : 0;
  return committed;
}

}  // namespace settle::bench
