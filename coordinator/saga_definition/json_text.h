// Reads JSON that anybody may have written.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "settle/vocabulary/status.h"

namespace settle::coordinator::saga {

// Lists and objects inside one another. Whoever walks through a value may recurse.
inline constexpr std::size_t kJsonDepthMax = 64;

// Never throws and takes no more stack for deeper text. kInvalid says where it is wrong. As RFC
// 8259 suggests, a number is an integer of 64 bits or a double.
[[nodiscard]] Result<nlohmann::json> ParseJson(std::string_view text);
// As ParseJson; kInvalid too if an object has a name twice, of which one would be lost.
[[nodiscard]] Result<nlohmann::json> ParseJsonWithoutRepeats(std::string_view text);

}  // namespace settle::coordinator::saga
