// The coordinator's port, with every service behind it and an engine that has run nothing yet: what
// one connection sends. Once the server stops nothing is left of what was begun.
#include "exchange.h"
#include "port.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace std::chrono_literals;

void Run(std::string_view bytes) {
  OnePort port;
  // Less than any wait of a call: those that are parked are ended with the server.
  Exchange(port.address(), bytes, 10ms);
}

}  // namespace

const Target kPort{"port", "N04_N05", 500, &Run};

}  // namespace settle::fuzz
