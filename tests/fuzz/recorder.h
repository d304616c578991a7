// The services of a port as clients see them, and everything that went over the wire.
#pragma once

#include <thrift/transport/TTransport.h>

#include <memory>
#include <string>
#include <vector>

#include "wire/AdminService.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"
#include "wire/PeerService.h"

namespace settle::fuzz {

// One call: what the generated code makes of its arguments, and of what came back.
struct Recorded {
  std::string method;
  std::string arguments;
  std::string result;
};

class Recorder {
 public:
  // Connects to a Unix socket; throws what Thrift throws.
  explicit Recorder(const std::string& path);
  ~Recorder();

  // What was sent, whole, and what it was call by call.
  std::string sent() const;
  std::vector<Recorded> calls() const;

 private:
  class Tape;
  const std::shared_ptr<Tape> tape_;
  const std::shared_ptr<apache::thrift::protocol::TProtocol> protocol_;

 public:
  wire::CoordinatorServiceClient coordinator;
  wire::ParticipantServiceClient participant;
  wire::PeerServiceClient peer;
  wire::AdminServiceClient admin;
};

}  // namespace settle::fuzz
