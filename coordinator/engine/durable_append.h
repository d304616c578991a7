// Appending where "unknown" ends the process: an I/O error in the log leaves nothing that may be
// believed.
#pragma once

#include <utility>

#include "engine/ports.h"
#include "log/decision_log.h"

namespace settle::coordinator {

inline void DurableAppend(DecisionLog& log, Observer& observer, Record record,
                          Durability durability, AppendDone done) {
  log.Append(
      std::move(record), durability,
      [&observer, done = std::move(done)](AppendResult result, const std::string& reason) {
        if (result == AppendResult::kUnknown) {
          observer.Fatal(
              "the decision log failed: " + reason +
              "; what it holds is read again at the next start, and nobody was told anything");
        }
        done(result, reason);
      });
}

}  // namespace settle::coordinator
