#include "server/call.h"

#include <thrift/TApplicationException.h>

#include <utility>

#include "server/connection.h"
#include "server/frames.h"

namespace settle::server {
namespace {

using apache::thrift::TApplicationException;
namespace protocol = apache::thrift::protocol;

constexpr std::uint32_t kUsualReply = 512;
constexpr std::uint32_t kKeptReplyMax = 16 * 1024;

}  // namespace

Call::Call()
    : out_(std::make_shared<Buffer>(kUsualReply)),
      writer_(std::make_shared<Protocol>(out_, 0, 0, true, true)) {
  Clear();
}

void Call::Clear() {
  if (out_->getBufferSize() > kKeptReplyMax) {
    out_->resetBuffer(kUsualReply);
  } else {
    out_->resetBuffer();
  }
  const std::uint8_t length[kLengthBytes] = {};
  out_->write(length, kLengthBytes);
  finished = false;
  understood = true;
  complaint.clear();
}

void Call::Finish(bool whole) {
  understood = whole;
  if (understood && !std::exchange(finished, true)) connection->Finished(*this);
}

std::span<const std::uint8_t> Call::Reply(std::size_t frame_bytes_max) {
  std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;
  out_->getBuffer(&bytes, &size);
  if (size > kLengthBytes + frame_bytes_max) {
    RefuseTooLarge();
    out_->getBuffer(&bytes, &size);
  }
  if (size <= kLengthBytes) return {};
  const std::uint32_t length = size - static_cast<std::uint32_t>(kLengthBytes);
  for (std::uint32_t i = 0; i < kLengthBytes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(length >> (8 * (kLengthBytes - 1 - i)));
  }
  return {bytes, size};
}

// The reply's own header says what it replies to.
void Call::RefuseTooLarge() {
  std::uint8_t length[kLengthBytes] = {};
  out_->read(length, kLengthBytes);
  std::string method;
  protocol::TMessageType type = protocol::T_REPLY;
  std::int32_t sequence = 0;
  writer_->readMessageBegin(method, type, sequence);
  Refuse(method, sequence, TApplicationException::INTERNAL_ERROR,
         "the answer is larger than a frame may be; ask for less at a time");
}

void Call::Refuse(const std::string& method, std::int32_t sequence, int kind,
                  const std::string& why) {
  const std::string kept = std::move(complaint);
  Clear();
  complaint = kept;
  writer_->writeMessageBegin(method, protocol::T_EXCEPTION, sequence);
  TApplicationException(static_cast<TApplicationException::TApplicationExceptionType>(kind), why)
      .write(writer_.get());
  writer_->writeMessageEnd();
}

}  // namespace settle::server
