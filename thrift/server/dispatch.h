// From a frame to the generated processor of the service that it names, within limits that hold
// before memory is taken. A call that cannot be understood is answered with its fault where its
// header could be read.
#pragma once

#include <thrift/TProcessor.h>
#include <thrift/async/TAsyncProcessor.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "server/call.h"
#include "server/settings.h"

namespace settle::server {

// What a call's first bytes say.
struct CallHeader {
  std::string service{};
  std::string method{};
  std::int32_t sequence = 0;
};

// Of one loop, or for one call.
class Dispatch {
 public:
  explicit Dispatch(const Settings& limits);

  // Takes the service's name out of the frame, in place: `frame` becomes a call of that service.
  // False: it is no call; the refusal is written, and the complaint says why.
  [[nodiscard]] bool ReadHeader(std::span<std::uint8_t>& frame, CallHeader& header, Call& call);

  // Of a frame and header as ReadHeader left them. Finishes the call, now or later.
  void CallAsync(apache::thrift::async::TAsyncProcessor& service, std::span<std::uint8_t> frame,
                 const CallHeader& header, Call& call);
  // Writes its reply; whoever calls this finishes it.
  void CallBlocking(apache::thrift::TProcessor& service, std::span<std::uint8_t> frame,
                    const CallHeader& header, Call& call);

  static void RefuseService(const CallHeader& header, Call& call);

  // Generated code swallows why it gives a call up, but tells this while it does.
  class Fault : public apache::thrift::TProcessorEventHandler {
   public:
    void handlerError(void* context, const char* method) override;
    std::string why{};
  };
  const std::shared_ptr<Fault>& fault() const { return fault_; }

 private:
  void Point(std::span<std::uint8_t> frame);

  std::shared_ptr<Call::Buffer> in_;
  std::shared_ptr<apache::thrift::protocol::TProtocol> reader_;
  const std::shared_ptr<Fault> fault_ = std::make_shared<Fault>();
};

}  // namespace settle::server
