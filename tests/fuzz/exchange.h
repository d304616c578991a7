// One connection of a raw client.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace settle::fuzz {

// Sends all of `bytes`, closes its side, and gives back what came until the peer closed too, or
// nothing moved for so long. Blocking. Throws std::runtime_error where nobody listens.
// `address` as server/listen_address.h has it.
std::string Exchange(const std::string& address, std::string_view bytes,
                     std::chrono::milliseconds patience);

}  // namespace settle::fuzz
