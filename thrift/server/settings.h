// The limits of a port.
#pragma once

#include <cstddef>
#include <cstdint>

#include "server/frames.h"

namespace settle::server {

struct Settings {
  std::size_t connections_max = 4'000;  // more are closed at once
  FrameLimits frame;
  // Of large frames, all connections together. With a copy while one grows, and all that is not
  // counted, hostile peers keep the process below 256 MiB.
  std::size_t buffered_bytes_max = 128 * 1024 * 1024;
  std::int32_t string_bytes_max = 1024 * 1024;         // of one string in a call
  std::int32_t container_items_max = 10'000;           // of one list or map in a call
  std::size_t calls_in_progress_max = 256;  // of a connection; then it is not read for a while
};

}  // namespace settle::server
