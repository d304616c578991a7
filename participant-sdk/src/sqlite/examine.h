// Reads from a file what file_checks.h judges.
#pragma once

#include "settle/vocabulary/finding.h"
#include "sqlite/file.h"

namespace settle::sqlite {

// On a connection of its own. Reads the file through, if it is small, for a second at most; takes
// the write lock for a moment, if that can be had within half a second.
Examination Examine(File& file, const std::string& log_id);

}  // namespace settle::sqlite
