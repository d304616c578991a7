// Which definitions make sense.
#pragma once

#include <cstddef>

#include "saga_definition/definition.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::saga {

inline constexpr std::size_t kStepsMax = 100;
inline constexpr std::size_t kInputMax = 64 * 1024;            // bytes of one step's input
inline constexpr std::size_t kDefinitionMax = 1024 * 1024;     // bytes of all inputs
inline constexpr Milliseconds kCallTimeoutMax = 86'400'000;    // a day; ask again is for longer
inline constexpr Milliseconds kRetryMaximumMax = 86'400'000;
inline constexpr Milliseconds kDeadlineMax = 366 * 86'400'000LL;

// kInvalid names the step and what is wrong: an empty or repeated name, an unknown predecessor, a
// cycle, a second pivot, a step that can be undone but does not come before the pivot, an input
// that is no JSON or refers to a step that does not come before, a limit.
[[nodiscard]] Status Check(const Definition& definition);

// Makes every step that an input refers to a predecessor. Unknown names are left for Check.
void AddReferredSteps(Definition& definition);

}  // namespace settle::coordinator::saga
