// Holding back what is new, and letting it go on.
#pragma once

#include "admin/views.h"

namespace settle::coordinator {

// Blocking, thread-safe; `record.paused` says which. What holds, or held, once that is durable
// (engine/pauses.h). kNotFound: a participant is to be paused that nobody ever served and nothing
// waits for, or something is to go on that is not paused.
[[nodiscard]] Result<PauseRecord> Pause(Engine& engine, const Views& views, Observer& observer,
                                        const PauseRecord& record);

// Whether it would be refused as things are: kNotFound, nobody is called so. Blocking, thread-safe.
[[nodiscard]] Status CheckPause(const Views& views, const PauseRecord& record);

}  // namespace settle::coordinator
