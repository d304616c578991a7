// Recovery is the ordinary start: read the log, rebuild what had not ended.
#pragma once

#include "engine/engine.h"
#include "log/decision_log.h"

namespace settle::coordinator {

// Blocking. What has not ended, in the order it was decided, and the databases that resources stand
// for. A transaction whose records contradict themselves says so
// (RestoredTransaction::contradiction) and keeps no other from recovering. kCorrupt: nothing may be
// presumed from this log and the daemon must not serve it.
[[nodiscard]] Result<RestoredState> ReplayLog(DecisionLog& log);

}  // namespace settle::coordinator
