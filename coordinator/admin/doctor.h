// Examines the coordinator and its machine, for `settle doctor`.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
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
  // Our own certificate as it is now; none without TLS. Thread-safe.
  using Certificate = std::function<std::optional<CertificateFact>()>;

  // References outlive it.
  Doctor(Deployment deployment, Certificate certificate, Engine& engine, const DecisionLog& log,
         const Inquiry& inquiry, const Clock& clock);

  // Where it serves, once that is known: what was asked for may leave the port to the kernel.
  void ListensOn(std::string address);

  // Blocking, for two seconds of a slow disk at the most and until the shards have answered. Writes
  // a little beside the log to see how long that takes: one at a time, whoever asks.
  [[nodiscard]] Result<Diagnosis> Examine();

 private:
  Deployment deployment_;  // its address is guarded by address_mutex_
  const Certificate certificate_;
  Engine& engine_;
  const DecisionLog& log_;
  const Inquiry& inquiry_;
  const Clock& clock_;
  const WallTime started_;
  std::mutex measuring_;
  std::mutex address_mutex_;
};

}  // namespace settle::coordinator
