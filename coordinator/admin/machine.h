// What the machine under the coordinator is like, measured now.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "admin/diagnosis.h"

namespace settle::coordinator {

// Writes 4 KiB and flushes them (fdatasync), up to `most` times, to a file without a name in the
// directory of `path`. Blocking, for `patience` or one flush more.
FlushTimes TimeFlushes(const std::string& path, int most, std::chrono::milliseconds patience);

// None: a sandbox forbids the question.
std::optional<ClockState> ReadClockState();

std::uint64_t DescriptorLimit();

}  // namespace settle::coordinator
