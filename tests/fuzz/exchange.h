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

// Where sockets and files of a target are: in memory, where the system has room for that.
std::string MemoryDirectory();

}  // namespace settle::fuzz
