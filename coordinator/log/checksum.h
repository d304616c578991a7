// The one checksum of the log: CRC-32 as in zlib.
#pragma once

#include <cstdint>
#include <string_view>

namespace settle::coordinator {

std::uint32_t Checksum(std::string_view bytes);

}  // namespace settle::coordinator
