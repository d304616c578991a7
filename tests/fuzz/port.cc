#include "port.h"

#include "target.h"

namespace settle::fuzz {

using namespace std::chrono_literals;

OnePort::OnePort()
    : server_({}, loops_, pool_, coordinator::ServicesOf(parts_),
              {.parked =
                   [this] {
                     calls_[0]->StopParked();
                     engine_.StopAsking();
                   },
               .all = [this] { calls_[0]->StopAll(); }},
              [](const std::string& complaint) { RequirePrintable(complaint); }) {
  const Result<server::SocketAddress> address = server::Resolve({.path = directory_ / "s"});
  Require(address && server_.Start({*address}), "a socket can be made");
}

OnePort::~OnePort() { server_.Stop(0ms); }

}  // namespace settle::fuzz
