// Where a test may kill the process: after a call of a service was sent, and when its answer came.
#pragma once

#include "engine/ports.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {

inline void PassSent(ActionOp op) {
  switch (op) {
    case ActionOp::kTry: SETTLE_FAILPOINT("engine.try_sent"); return;
    case ActionOp::kConfirm: SETTLE_FAILPOINT("engine.confirm_sent"); return;
    case ActionOp::kCancel: SETTLE_FAILPOINT("engine.cancel_sent"); return;
    case ActionOp::kAction: SETTLE_FAILPOINT("engine.action_sent"); return;
    case ActionOp::kCompensate: SETTLE_FAILPOINT("engine.compensation_sent"); return;
    case ActionOp::kFence: SETTLE_FAILPOINT("engine.fence_sent"); return;
  }
}

inline void PassAnswered(ActionOp op) {
  switch (op) {
    case ActionOp::kTry: SETTLE_FAILPOINT("engine.try_answered"); return;
    case ActionOp::kConfirm: SETTLE_FAILPOINT("engine.confirm_answered"); return;
    case ActionOp::kCancel: SETTLE_FAILPOINT("engine.cancel_answered"); return;
    case ActionOp::kAction: SETTLE_FAILPOINT("engine.action_answered"); return;
    case ActionOp::kCompensate: SETTLE_FAILPOINT("engine.compensation_answered"); return;
    case ActionOp::kFence: SETTLE_FAILPOINT("engine.fence_answered"); return;
  }
}

}  // namespace settle::coordinator
