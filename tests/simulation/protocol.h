// The protocols that can be simulated.
#pragma once

#include <optional>
#include <string_view>

namespace settle::simulation {

enum class Protocol { kTwoPhase, kThreePhase, kSaga, kTcc };

inline constexpr Protocol kProtocols[] = {Protocol::kTwoPhase, Protocol::kThreePhase,
                                          Protocol::kSaga, Protocol::kTcc};

// "2pc", "3pc", "saga", "tcc".
const char* ToString(Protocol protocol);
std::optional<Protocol> ParseProtocol(std::string_view name);

}  // namespace settle::simulation
