// Whether a SQLite file is fit for what Settle promises: facts in, findings out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "settle/vocabulary/finding.h"
#include "vocabulary/file_system.h"

namespace settle::sqlite {

struct StagedFact {
  std::string name;
  std::int64_t age_s = 0;
};

struct FileFacts {
  std::string path;
  std::string journal_mode;
  int synchronous = 0;  // 2: FULL, 3: EXTRA
  std::uint64_t bytes = 0;
  std::uint64_t wal_bytes = 0;
  FileSystem file_system;
  // What PRAGMA quick_check says, "ok" if all is well; none: not looked at, the file is too large
  // or it took too long.
  std::optional<std::string> quick_check;
  std::optional<StagedFact> staged;
  int missing_guards = 0;
  std::int64_t tables_version = 0;
  std::int64_t tables_latest = 0;
  std::string writer;  // who has had the write lock all the time while this looked; empty: nobody
};

// `log_id` is of the coordinator that asks.
std::vector<Finding> CheckFile(const FileFacts& facts, const std::string& log_id);

}  // namespace settle::sqlite
