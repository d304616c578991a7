#include "settle/vocabulary/live.h"

namespace settle {

const char* ToString(Proof proof) {
  switch (proof) {
    case Proof::kCommitted: return "committed";
    case Proof::kAborted: return "aborted";
    case Proof::kInProgress: return "in progress";
    case Proof::kNone: return "none";
  }
  return "unknown";
}

}  // namespace settle
