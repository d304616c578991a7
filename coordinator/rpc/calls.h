// The calls in progress: an RPC thread waits here for the engine's completion. Every wait ends: by
// the completion, by its limit, or because the daemon stops.
//
//   Result<Begun> begun = calls.Await<Begun>(
//       {.limit = 10s, .if_given_up = ErrorCode::kRetry},
//       [&](Completion<Begun> done) { engine.Begin(std::move(call), std::move(done)); });
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "engine/engine.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// Thread-safe.
class Calls {
 public:
  // Some calls wait for work that someone else does; these make way first when the daemon stops.
  enum class Kind { kWorking, kParked };

  struct Limits {
    std::chrono::milliseconds limit{30'000};
    ErrorCode if_given_up = ErrorCode::kRetry;  // kAskOutcome where something may have been done
    Kind kind = Kind::kWorking;
  };

  // `start` hands its completion to the engine. Blocking.
  template <typename T, typename Start>
  [[nodiscard]] Result<T> Await(const Limits& limits, Start start);

  // Ends the waits of parked calls / of all, now and from now on.
  void StopParked() { parked_.request_stop(); }
  void StopAll() {
    parked_.request_stop();
    working_.request_stop();
  }

 private:
  // Shared with the completion, which may come after the wait was given up.
  template <typename T>
  struct Waiting {
    std::mutex mutex;
    std::condition_variable completed;
    std::optional<Result<T>> result;

    void Complete(Result<T> value) {
      const std::scoped_lock lock(mutex);
      if (result.has_value()) return;
      result.emplace(std::move(value));
      completed.notify_one();
    }
  };

  std::stop_source parked_;
  std::stop_source working_;
};

template <typename T, typename Start>
Result<T> Calls::Await(const Limits& limits, Start start) {
  const auto waiting = std::make_shared<Waiting<T>>();
  start(Completion<T>([waiting](Result<T> result) { waiting->Complete(std::move(result)); }));
  const std::stop_token stop = (limits.kind == Kind::kParked ? parked_ : working_).get_token();
  const std::stop_callback on_stop(stop, [&] {
    waiting->Complete(Fail(limits.if_given_up,
                           "the coordinator is stopping and did not wait for the answer",
                           "ask again when it is back"));
  });
  std::unique_lock lock(waiting->mutex);
  const bool completed =
      waiting->completed.wait_for(lock, limits.limit, [&] { return waiting->result.has_value(); });
  if (!completed) {
    return Fail(limits.if_given_up, "the coordinator did not answer this call in time",
                limits.if_given_up == ErrorCode::kAskOutcome ? "ask the outcome of the transaction"
                                                             : "repeat the call");
  }
  return std::move(*waiting->result);
}

}  // namespace settle::coordinator
