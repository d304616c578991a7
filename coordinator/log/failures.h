// SQLite's failures in words for people, with what to do next.
#pragma once

#include <string>
#include <string_view>

#include "log/sqlite.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// `doing` continues "cannot", for example "raise the epoch". The code is kUnavailable for what
// passes or can be corrected outside, kCorrupt for damage, kInternal for the rest.
Error ErrorOf(const sqlite::Failure& failure, const std::string& path, std::string_view doing);

}  // namespace settle::coordinator
