#include "settle/vocabulary/finding.h"

namespace settle {

const char* ToString(Severity severity) {
  switch (severity) {
    case Severity::kOk: return "ok";
    case Severity::kNote: return "note";
    case Severity::kWarning: return "warning";
    case Severity::kProblem: return "problem";
  }
  return "unrecognised";
}

}  // namespace settle
