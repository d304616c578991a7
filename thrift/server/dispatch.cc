#include "server/dispatch.h"

#include <thrift/TApplicationException.h>

#include <cstring>
#include <exception>

#include "settle/vocabulary/gtid.h"

namespace settle::server {
namespace {

using apache::thrift::TApplicationException;
namespace protocol = apache::thrift::protocol;

constexpr std::size_t kNameAt = 8;  // version and type, then the name's length

void RefuseProtocol(const CallHeader& header, Call& call, const std::string& what) {
  const std::string why = Escaped(what);
  call.complaint = "it sent what is no call of this contract: " + why;
  call.Refuse(header.method, header.sequence, TApplicationException::PROTOCOL_ERROR, why);
}

// The frame begins later by the service's name and the colon, which are no part of the name now.
void TakeServiceOut(std::span<std::uint8_t>& frame, std::size_t service, std::size_t method) {
  const std::size_t cut = service + 1;
  for (std::size_t i = 0; i < 4; ++i)
    frame[kNameAt - 4 + i] = static_cast<std::uint8_t>(method >> (8 * (3 - i)));
  std::memmove(frame.data() + cut, frame.data(), kNameAt);
  frame = frame.subspan(cut);
}

}  // namespace

void Dispatch::Fault::handlerError(void*, const char*) {
  try {
    if (std::current_exception() != nullptr) throw;
  } catch (const std::exception& error) {
    why = error.what();
  }
}

Dispatch::Dispatch(const Settings& limits)
    : in_(std::make_shared<Call::Buffer>()),
      reader_(std::make_shared<Call::Protocol>(in_, limits.string_bytes_max,
                                               limits.container_items_max, true, true)) {}

void Dispatch::Point(std::span<std::uint8_t> frame) {
  in_->resetBuffer(frame.data(), static_cast<std::uint32_t>(frame.size()));
}

bool Dispatch::ReadHeader(std::span<std::uint8_t>& frame, CallHeader& header, Call& call) {
  std::string& name = header.service;
  protocol::TMessageType type = protocol::T_CALL;
  try {
    Point(frame);
    reader_->readMessageBegin(name, type, header.sequence);
  } catch (const std::exception& error) {  // not even a header: nothing that could be answered
    call.complaint =
        std::string("it sent what is no call of this contract: ") + Escaped(error.what());
    return false;
  }
  const std::size_t colon = name.find(':');
  header.method = name;
  if (type != protocol::T_CALL && type != protocol::T_ONEWAY) {
    RefuseProtocol(header, call, "Unexpected message type");
    return false;
  }
  if (colon == std::string::npos || name.find(':', colon + 1) != std::string::npos) {
    RefuseProtocol(header, call,
                   "the call names no service: it is SERVICE:METHOD (TMultiplexedProtocol)");
    return false;
  }
  header.method.erase(0, colon + 1);
  name.resize(colon);
  TakeServiceOut(frame, colon, header.method.size());
  return true;
}

void Dispatch::RefuseService(const CallHeader& header, Call& call) {
  RefuseProtocol(header, call, "Unknown service: " + header.service);
}

void Dispatch::CallAsync(apache::thrift::async::TAsyncProcessor& service,
                         std::span<std::uint8_t> frame, const CallHeader& header, Call& call) {
  Point(frame);
  std::string fault;
  try {
    service.process([&call](bool understood) { call.Finish(understood); }, reader_, call.writer());
    if (call.understood) return;
    fault = fault_->why;
  } catch (const std::exception& error) {
    fault = error.what();
  }
  if (call.finished) return;  // what was thrown came too late to be told
  RefuseProtocol(header, call, fault);
  call.Finish(true);
}

void Dispatch::CallBlocking(apache::thrift::TProcessor& service, std::span<std::uint8_t> frame,
                            const CallHeader& header, Call& call) {
  Point(frame);
  try {
    service.process(reader_, call.writer(), nullptr);
  } catch (const std::exception& error) {
    RefuseProtocol(header, call, error.what());
  }
}

}  // namespace settle::server
