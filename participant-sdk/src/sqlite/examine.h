// Reads from a file what file_checks.h judges.
#pragma once

#include "settle/vocabulary/finding.h"
#include "sqlite/file.h"

namespace settle::sqlite {

// On a connection of its own. Reads the file through, if it is small, for half of the time-out at
// most; takes the write lock for a moment, if that can be had within a quarter of it.
Examination Examine(File& file, const std::string& log_id, std::chrono::milliseconds timeout);

}  // namespace settle::sqlite
