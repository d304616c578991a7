// What is common to everything that is restored as nothing: its records contradict themselves, or
// may have gone on in a part of the log that was lost.
#pragma once

#include <string>

#include "engine/engine.h"

namespace settle::coordinator {

// The end that is written when a person lets go of it.
inline TransactionSummary ForgottenQuarantined(TransactionSummary summary, const ForgetCall& call,
                                               WallTime now) {
  const std::string forgotten = ForgottenBy(call.operator_name, call.reason);
  summary.state = "done";
  summary.ended = now;
  summary.ending.reason = forgotten + "; " + summary.ending.reason;
  summary.timeline.push_back({now, forgotten});
  return summary;
}

// Of a RestoredTransaction or RestoredSaga; empty if it is to be restored.
template <typename Restored>
std::string WhyQuarantined(const Restored& restored) {
  if (restored.contradiction.empty()) return restored.lost;
  return "its records in the log contradict themselves: " + restored.contradiction;
}

inline std::string StaysQuarantined(const std::string& why) {
  return "the log could not store that it is forgotten, so it stays quarantined: " + why;
}

}  // namespace settle::coordinator
