// Times, durations and databases as people say them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "admin/live.h"

namespace settle::coordinator {

// "2026-11-25 14:03:07 UTC".
std::string TimeInWords(WallTime at);
// "850 ms", "12 s", "4 min", "3 h 5 min", "9 d 4 h".
std::string DurationInWords(std::chrono::milliseconds duration);
// "1 session", "3 sessions".
std::string Counted(std::size_t count, const std::string& one, const std::string& many);

// "3 sessions wait behind it, the longest for 4 min: pid 4711 app 'billing' on account; pid ...";
// empty if none does.
std::string WaitingInWords(const LiveBranch& live);
// "no process serves it since 2026-11-25 14:03:07 UTC", or whatever else the row says.
std::string UnansweredInWords(const LiveRow& row);

}  // namespace settle::coordinator
