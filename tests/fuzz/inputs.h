// Kept inputs, and hostile variations of them, the same ones every time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace settle::fuzz {

inline constexpr std::size_t kInputMost = 64 * 1024;

// The kept ones of a target, in an order that does not depend on the file system. Throws
// std::runtime_error where there are none; SETTLE_SOURCE says where the tree is.
std::vector<std::string> Seeds(const std::string& target);

// One seed, changed in one to eight places: bits and bytes flipped, numbers that are extreme,
// pieces left out, repeated, exchanged with another seed's, and an end that does not come. `number`
// says which variation. Never longer than kInputMost unless a seed is. `seeds` is not empty.
std::string Variation(const std::vector<std::string>& seeds, std::uint32_t number);

}  // namespace settle::fuzz
