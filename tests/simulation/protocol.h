// The protocols that can be simulated.
#pragma once

#include <optional>
#include <string_view>

namespace settle::simulation {

enum class Protocol { kTwoPhase, kSaga, kTcc };

inline constexpr Protocol kProtocols[] = {Protocol::kTwoPhase, Protocol::kSaga, Protocol::kTcc};

// "2pc", "saga", "tcc".
const char* ToString(Protocol protocol);
std::optional<Protocol> ParseProtocol(std::string_view name);

}  // namespace settle::simulation
