// What verbs that reach for a database themselves ask of its DSN.
#pragma once

#include <string>

#include "settle/vocabulary/status.h"

namespace settle::cli {

// kInvalid: libpq cannot read it, or it holds a password, which would stand in a command line.
[[nodiscard]] Status CheckDsn(const std::string& dsn);

}  // namespace settle::cli
