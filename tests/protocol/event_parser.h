// Reads an event from the words that protocol/describe.h prints. An enlisted branch's identity and
// process, which are not printed, come out empty.
#pragma once

#include <string_view>

#include "protocol/events.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// kInvalid says which word was not understood.
[[nodiscard]] Result<Event> ParseEvent(std::string_view line);

}  // namespace settle::coordinator
