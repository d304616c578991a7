// One call that a connection has begun, and the reply that is written for it.
#pragma once

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace settle::server {

class Connection;

class Call {
 public:
  using Buffer = apache::thrift::transport::TMemoryBuffer;
  using Protocol = apache::thrift::protocol::TBinaryProtocolT<Buffer>;

  Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Where the reply is written, once.
  const std::shared_ptr<apache::thrift::protocol::TProtocol>& writer() const { return writer_; }

  // Of what is written; its length in front of it. Empty: nothing is to be sent. What is larger
  // than a frame may be becomes a refusal that says so.
  std::span<const std::uint8_t> Reply(std::size_t frame_bytes_max);
  // Instead of what was written: a refusal of a call with that name and number.
  void Refuse(const std::string& method, std::int32_t sequence, int kind, const std::string& why);
  // Ready for another call; a large buffer is not kept.
  void Clear();

  // On the loop of its connection, once: the reply is written. Not `understood`: what came could
  // not be read as a call.
  void Finish(bool understood);

  std::shared_ptr<Connection> connection{};  // while it is in progress
  bool finished = false;
  bool understood = true;
  std::string complaint{};  // not empty: close the connection once it is answered

 private:
  void RefuseTooLarge();

  const std::shared_ptr<Buffer> out_;
  const std::shared_ptr<apache::thrift::protocol::TProtocol> writer_;
};

}  // namespace settle::server
