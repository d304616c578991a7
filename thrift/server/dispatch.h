// Frames in, frames out: feeds one connection's calls to the generated processor, within limits
// that hold before memory is taken. A call that cannot be understood is answered with its fault
// where its header could be read.
#pragma once

#include <thrift/TProcessor.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace settle::server {

class Dispatch {
 public:
  // `processor` must outlive this.
  Dispatch(apache::thrift::TProcessor& processor, std::int32_t string_bytes_max,
           std::int32_t container_items_max, std::size_t frame_bytes_max);

  struct Answer {
    std::span<const std::uint8_t>
        bytes;              // to send, length included; valid until the next call; may be empty
    std::string complaint;  // not empty: close the connection
  };
  // `frame` must stay valid during the call.
  Answer Process(std::span<std::uint8_t> frame);

 private:
  using Buffer = apache::thrift::transport::TMemoryBuffer;
  using Protocol = apache::thrift::protocol::TBinaryProtocolT<Buffer>;

  void StartReply();
  std::span<const std::uint8_t> FinishReply();
  std::span<const std::uint8_t> Refusal(std::span<std::uint8_t> frame, int kind,
                                        const std::string& why);

  apache::thrift::TProcessor& processor_;
  const std::size_t frame_bytes_max_;
  std::shared_ptr<Buffer> in_;
  std::shared_ptr<Buffer> out_;
  std::shared_ptr<apache::thrift::protocol::TProtocol> reader_;
  std::shared_ptr<apache::thrift::protocol::TProtocol> writer_;
};

}  // namespace settle::server
