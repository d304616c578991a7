// What figures were measured on: without it they say nothing.
#pragma once

#include <cstdint>
#include <string>

namespace settle::bench {

// Throws Missing unless `directory` exists and is on something that can be flushed: what lives in
// memory only would make every durable commit look free.
void CheckDirectory(const std::string& directory);

// Throws Missing unless so much is free there.
void CheckRoom(const std::string& directory, std::uint64_t bytes);

struct FlushTimes {
  double p50_us = 0;
  double p99_us = 0;
};
// Of appending 512 bytes to a file in `directory` and calling fdatasync, a few hundred times.
// Blocking, under a second on most disks. Throws std::runtime_error.
FlushTimes MeasureFlush(const std::string& directory);

// Two lines: machine, load and flush times; releases of everything that takes part.
// `postgres_program`: empty if none does. Blocking; throws Missing where a program is not there.
std::string DescribeMachine(const std::string& directory, const std::string& postgres_program);

}  // namespace settle::bench
