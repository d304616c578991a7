// Reads a saga's events, and the steps of its definition, from the words that
// protocol/saga_describe.h prints.
#pragma once

#include <string_view>

#include "protocol/saga_events.h"
#include "saga_definition/definition.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::saga {

// kInvalid says which word was not understood.
[[nodiscard]] Result<Event> ParseEvent(std::string_view line);

// "step payment bank/pay after flight hotel pivot attempts 3 within 1000 input {...}": everything
// behind the action may be left out, or "no-undo" stand for "pivot".
[[nodiscard]] Result<StepDefinition> ParseStep(std::string_view line);

}  // namespace settle::coordinator::saga
