// The text that carries a global transaction to another process: "settle1;<gtid>". The gtid names
// the log and the epoch; the 1 is the version of this form.
#pragma once

#include <string>
#include <string_view>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle::sdk {

std::string ContextText(const Gtid& gtid);
// Accepts exactly what ContextText prints.
[[nodiscard]] Result<Gtid> ParseContextText(std::string_view text);

}  // namespace settle::sdk
