// The way to a Thrift service: framed binary calls over a socket that keeps deadlines, with limits
// on what an answer can make us allocate. Every connection that the SDK opens is one of these.
#pragma once

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "transport/deadline_socket.h"

namespace settle::sdk {

// Of one answer. Thrift's own defaults trust the peer.
struct AnswerLimits {
  int frame_bytes_max = 0;
  int string_bytes_max = 0;
  int container_items_max = 0;
};

// With a buffer from the start: Thrift's own has none before the first frame, and for one of no
// length would give memcpy a null pointer.
class Frames : public apache::thrift::transport::TFramedTransport {
 public:
  Frames(std::shared_ptr<apache::thrift::transport::TTransport> below, std::uint32_t first,
         std::uint32_t kept, std::shared_ptr<apache::thrift::TConfiguration> limits)
      : TFramedTransport(std::move(below), first, kept, std::move(limits)) {
    rBuf_.reset(new std::uint8_t[first]);
    rBufSize_ = first;
  }
};

struct FramedWire {
  // `interrupter` may be null.
  FramedWire(const AnswerLimits& most, const Interrupter* interrupter)
      : limits(std::make_shared<apache::thrift::TConfiguration>(most.frame_bytes_max,
                                                                most.frame_bytes_max, kNesting)),
        socket(std::make_shared<DeadlineSocket>(limits, interrupter)),
        // Buffered, so that a frame's length and its body are one system call.
        buffered(std::make_shared<apache::thrift::transport::TBufferedTransport>(socket, kBuffer,
                                                                                 limits)),
        frames(std::make_shared<Frames>(buffered, kBuffer, kBufferKept, limits)),
        protocol(std::make_shared<apache::thrift::protocol::TBinaryProtocol>(
            frames, most.string_bytes_max, most.container_items_max, true, true)) {}

  std::shared_ptr<apache::thrift::TConfiguration> limits;
  std::shared_ptr<DeadlineSocket> socket;
  std::shared_ptr<apache::thrift::transport::TBufferedTransport> buffered;
  std::shared_ptr<Frames> frames;
  std::shared_ptr<apache::thrift::protocol::TBinaryProtocol> protocol;

 private:
  static constexpr int kNesting = 16;
  static constexpr std::uint32_t kBuffer = 4096;
  static constexpr std::uint32_t kBufferKept = 256 * 1024;
};

}  // namespace settle::sdk
