// What a disk does to a program: the faults of faulty_vfs.h by name, and every place of a run where
// one of them can strike.
#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <ostream>
#include <string>
#include <vector>

#include "support/faulty_vfs.h"
#include "support/temporary_directory.h"

namespace settle::testing {

struct DiskFault {
  const char* name;
  FaultyVfs::Plan plan;  // of which AtEveryPlace sets `at` and `for_ever`

  friend void PrintTo(const DiskFault& fault, std::ostream* out) { *out << fault.name; }
};

// Faults that are told to the program.
inline std::vector<DiskFault> ToldDiskFaults() {
  using Vfs = FaultyVfs;
  constexpr auto kNothing = Vfs::Written::kNothing;
  constexpr auto kAll = Vfs::Written::kAll;
  return {
      {"FullDisk", {.operations = Vfs::kWrite, .code = SQLITE_FULL}},
      {"FullDiskThatTookAll", {.operations = Vfs::kWrite, .code = SQLITE_FULL, .written = kAll}},
      {"ShortWrite", {.operations = Vfs::kWrite, .code = SQLITE_IOERR_WRITE}},
      {"WriteThatTookNothing",
       {.operations = Vfs::kWrite, .code = SQLITE_IOERR_WRITE, .written = kNothing}},
      {"WriteThatTookAll",
       {.operations = Vfs::kWrite, .code = SQLITE_IOERR_WRITE, .written = kAll}},
      {"Sync", {.operations = Vfs::kSync, .code = SQLITE_IOERR_FSYNC}},
      {"Read", {.operations = Vfs::kRead, .code = SQLITE_IOERR_READ}},
      {"Lock", {.operations = Vfs::kLock, .code = SQLITE_IOERR_LOCK}},
      {"Busy", {.operations = Vfs::kLock, .code = SQLITE_BUSY}},
      {"Open", {.operations = Vfs::kOpen, .code = SQLITE_CANTOPEN}},
      {"SharedMemory", {.operations = Vfs::kShm, .code = SQLITE_IOERR_SHMLOCK}},
      {"Size", {.operations = Vfs::kSize, .code = SQLITE_IOERR_FSTAT}},
      {"Access", {.operations = Vfs::kAccess, .code = SQLITE_IOERR_ACCESS}},
  };
}

inline std::string NameOfFault(const ::testing::TestParamInfo<DiskFault>& info) {
  return info.param.name;
}

// Calls `life` with the fault at the first such call, at the second, and so on, once and then for
// ever, until it says that its fault was not met any more. How many places there were; printed.
template <typename Life>
int AtEveryPlace(const DiskFault& fault, const Life& life) {
  int places = 0;
  FaultyVfs::Plan plan = fault.plan;
  for (const bool for_ever : {false, true}) {
    plan.for_ever = for_ever;
    for (plan.at = 1; life(plan); ++plan.at) ++places;
  }
  std::cout << "[  places  ] " << places << " of " << fault.name << '\n';
  return places;
}

// Calls `life` with the power lost at the first moment of it, at the second, and so on, until there
// is no such moment any more; `told` is what it had told when the power went. Then calls `heal` for
// each of the disks that could be left, in a directory of its own. How many moments there were;
// printed.
template <typename Told, typename Life, typename Heal>
int AtEveryPowerFailure(FaultyVfs& vfs, const Life& life, const Heal& heal) {
  int moments = 0;
  for (bool in_time = true; in_time;) {
    const int n = moments + 1;
    Told told;
    Told told_then;
    std::vector<FaultyVfs::Files> left;
    vfs.Record(n, [&] {
      told_then = told;
      left = vfs.EveryPowerFailure(static_cast<unsigned>(n));
    });
    life(told);
    vfs.StopRecording();
    in_time = !left.empty();
    moments += in_time ? 1 : 0;
    for (const FaultyVfs::Files& files : left) {
      const TemporaryDirectory after;
      PutInto(after.path(), files);
      heal(after, told_then, "moment " + std::to_string(n));
    }
  }
  std::cout << "[  moments ] " << moments << " of a power failure\n";
  return moments;
}

}  // namespace settle::testing
