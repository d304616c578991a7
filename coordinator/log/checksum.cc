#include "log/checksum.h"

#include <zlib.h>

namespace settle::coordinator {

std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace settle::coordinator
