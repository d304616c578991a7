#include "server/dispatch.h"

#include <thrift/TApplicationException.h>

#include <exception>

#include "settle/vocabulary/gtid.h"

namespace settle::server {
namespace {

using apache::thrift::TApplicationException;
namespace protocol = apache::thrift::protocol;

constexpr std::uint32_t kLengthBytes = 4;
constexpr std::uint32_t kUsualReply = 1024;
constexpr std::uint32_t kKeptReplyMax = 256 * 1024;  // a connection does not keep a larger buffer

}  // namespace

Dispatch::Dispatch(apache::thrift::TProcessor& processor, std::int32_t string_bytes_max,
                   std::int32_t container_items_max, std::size_t frame_bytes_max)
    : processor_(processor),
      frame_bytes_max_(frame_bytes_max),
      in_(std::make_shared<Buffer>()),
      out_(std::make_shared<Buffer>(kUsualReply)),
      reader_(std::make_shared<Protocol>(in_, string_bytes_max, container_items_max, true, true)),
      writer_(std::make_shared<Protocol>(out_, 0, 0, true, true)) {}

Dispatch::Answer Dispatch::Process(std::span<std::uint8_t> frame) {
  in_->resetBuffer(frame.data(), static_cast<std::uint32_t>(frame.size()));
  StartReply();
  try {
    processor_.process(reader_, writer_, nullptr);
  } catch (const std::exception& error) {
    const std::string why = Escaped(error.what());
    return {Refusal(frame, TApplicationException::PROTOCOL_ERROR, why),
            "it sent what is no call of this contract: " + why};
  }
  const std::span<const std::uint8_t> reply = FinishReply();
  if (reply.size() > frame_bytes_max_) {
    return {Refusal(frame, TApplicationException::INTERNAL_ERROR,
                    "the answer is larger than a frame may be; ask for less at a time"),
            {}};
  }
  return {reply, {}};
}

void Dispatch::StartReply() {
  if (out_->getBufferSize() > kKeptReplyMax) {
    out_->resetBuffer(kUsualReply);
  } else {
    out_->resetBuffer();
  }
  const std::uint8_t length[kLengthBytes] = {};
  out_->write(length, kLengthBytes);
}

std::span<const std::uint8_t> Dispatch::FinishReply() {
  std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;
  out_->getBuffer(&bytes, &size);
  if (size <= kLengthBytes) return {};
  const std::uint32_t length = size - kLengthBytes;
  for (std::uint32_t i = 0; i < kLengthBytes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(length >> (8 * (kLengthBytes - 1 - i)));
  }
  return {bytes, size};
}

// Reads the call's header once more, to answer the caller by its own sequence number.
std::span<const std::uint8_t> Dispatch::Refusal(std::span<std::uint8_t> frame, int kind,
                                                const std::string& why) {
  try {
    in_->resetBuffer(frame.data(), static_cast<std::uint32_t>(frame.size()));
    std::string name;
    protocol::TMessageType type = protocol::T_CALL;
    std::int32_t sequence = 0;
    reader_->readMessageBegin(name, type, sequence);
    StartReply();
    writer_->writeMessageBegin(name, protocol::T_EXCEPTION, sequence);
    TApplicationException(static_cast<TApplicationException::TApplicationExceptionType>(kind), why)
        .write(writer_.get());
    writer_->writeMessageEnd();
    return FinishReply();
  } catch (const std::exception&) {
    return {};  // not even a header: nothing that could be answered
  }
}

}  // namespace settle::server
