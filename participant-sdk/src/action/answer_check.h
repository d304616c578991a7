// What the coordinator takes for an answer.
#pragma once

#include "settle/vocabulary/action.h"

namespace settle::sdk {

// The answer; kUnknown with the reason where it says it is done with a result that is no JSON or
// too long; a pause that is too short or too long becomes the nearest that is neither.
Answer CheckedAnswer(Answer answer);

}  // namespace settle::sdk
