// What a disk does to a program: the faults of faulty_vfs.h by name, and every place of a run where
// one of them can strike.
#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <ostream>
#include <string>
#include <vector>

#include "support/faulty_vfs.h"

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

}  // namespace settle::testing
