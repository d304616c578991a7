// What a participant answered, made fit to be kept.
#pragma once

#include "settle/vocabulary/action.h"

namespace settle::coordinator {

// What cannot be passed on, or stored, is no result. The call has taken effect, so it has not
// failed either: it is unknown, and asked again. Long reasons are cut.
Answer Sane(Answer answer);

}  // namespace settle::coordinator
