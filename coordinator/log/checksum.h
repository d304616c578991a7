// The one checksum of the log: CRC-32 as in zlib.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string_view>

namespace settle::coordinator {

inline std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(::crc32_z(
      0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace settle::coordinator
