#include "saga_definition/definition.h"

namespace settle::coordinator::saga {

const char* ToString(StepKind kind) {
  switch (kind) {
    case StepKind::kCompensatable: return "compensatable";
    case StepKind::kNoUndo: return "no-undo";
    case StepKind::kPivot: return "pivot";
  }
  return "unrecognised";
}

}  // namespace settle::coordinator::saga
