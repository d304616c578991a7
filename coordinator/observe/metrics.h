// The metrics of a coordinator in Prometheus' text format, gathered when they are asked for.
// docs/observability.md says what each one means.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "access/gate.h"
#include "engine/engine.h"
#include "log/decision_log.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// kUnavailable: a shard has not come to what is in its mailbox within `at_most`, and says which.
// Blocking for as long; never on a shard's thread.
[[nodiscard]] Status CheckShards(const Engine& engine, std::chrono::milliseconds at_most);

// Ready to be given work: every shard answers within `at_most`, and no stop has begun
// (kUnavailable). Blocking for as long.
[[nodiscard]] Status CheckReady(const Engine& engine, std::chrono::milliseconds at_most);

// Thread-safe. References outlive it.
class Metrics {
 public:
  struct About {
    std::string release;
    std::string log_path;
    // How many prepared branches are left alone (recovery/inquiry.h). Thread-safe.
    std::function<std::size_t()> strays;
  };
  Metrics(About about, Engine& engine, const DecisionLog& log, Clock& clock,
          const access::Gate& gate)
      : about_(std::move(about)), engine_(engine), log_(log), clock_(clock), gate_(gate) {}

  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // kUnavailable: a shard does not answer. Blocking until the shards have answered. To count what
  // is open each goes through all of it, while commits wait: that takes at most a fiftieth of its
  // time whoever asks how often, so with very much open the counts are of a moment ago, up to
  // kCountsKeptMost.
  [[nodiscard]] Result<std::string> Text() const;
  static constexpr std::chrono::seconds kCountsKeptMost{30};

 private:
  [[nodiscard]] Result<OpenCounts> CountOpen() const;

  const About about_;
  Engine& engine_;
  const DecisionLog& log_;
  Clock& clock_;
  const access::Gate& gate_;
  mutable std::mutex counting_;  // one count at a time; guards the rest
  mutable std::optional<OpenCounts> counted_;
  mutable Instant counted_until_{};
};

}  // namespace settle::coordinator
