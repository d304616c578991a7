// What verbs that hold back what is new share.
#pragma once

#include <string>

#include "cli/text.h"
#include "cli/verb.h"
#include "wire/admin_types.h"

namespace settle::cli {

// "bank-b is paused by alice since 2026-11-25T14:00:00.000000Z (3 m 12 s): its disk is full"
std::string PauseText(const wire::PauseView& pause, std::int64_t now_us);

// Of `--all`, the name otherwise: exactly one of both. Empty: everything new.
[[nodiscard]] Result<std::string> NameOrAll(const Given& given);

}  // namespace settle::cli
