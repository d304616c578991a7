// Examines the coordinator and its machine, for `settle doctor`.
#pragma once

#include <mutex>
#include <vector>

#include "admin/diagnosis.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "log/decision_log.h"
#include "recovery/inquiry.h"

namespace settle::coordinator {

struct Diagnosis {
  WallTime at = 0;
  std::vector<Finding> findings;
};

// Thread-safe.
class Doctor {
 public:
  // References outlive it.
  Doctor(Deployment deployment, Engine& engine, const DecisionLog& log, const Inquiry& inquiry,
         const Clock& clock);

  // Blocking, for two seconds of a slow disk at the most and until the shards have answered. Writes
  // a little beside the log to see how long that takes: one at a time, whoever asks.
  [[nodiscard]] Result<Diagnosis> Examine();

 private:
  const Deployment deployment_;
  Engine& engine_;
  const DecisionLog& log_;
  const Inquiry& inquiry_;
  const Clock& clock_;
  const WallTime started_;
  std::mutex measuring_;
};

}  // namespace settle::coordinator
