#include "simulation/protocol.h"

namespace settle::simulation {

const char* ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTwoPhase: return "2pc";
    case Protocol::kThreePhase: return "3pc";
    case Protocol::kSaga: return "saga";
    case Protocol::kTcc: return "tcc";
  }
  return "unrecognised";
}

std::optional<Protocol> ParseProtocol(std::string_view name) {
  for (const Protocol protocol : kProtocols) {
    if (ToString(protocol) == name) return protocol;
  }
  return std::nullopt;
}

}  // namespace settle::simulation
