// The calls in progress on one loop, each waiting for a completion of the engine, without a thread.
// Every wait ends, on the loop: by the completion, by its limit, or because the daemon stops.
//
//   engine.Begin(std::move(call), calls.Await<Begun>(
//       {.limit = 10s, .if_given_up = ErrorCode::kRetry},
//       [=](Result<Begun> begun) { ... }));
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "server/loop.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// On the loop's thread, except where it says otherwise.
class Calls {
 public:
  // Some calls wait for work that someone else does; these make way first when the daemon stops.
  enum class Kind { kWorking, kParked };

  struct Limits {
    std::chrono::milliseconds limit{30'000};
    ErrorCode if_given_up = ErrorCode::kRetry;  // kAskOutcome where something may have been done
    Kind kind = Kind::kWorking;
  };

  // The loop must outlive it, but no longer run when it goes.
  explicit Calls(server::Loop& loop) : loop_(loop) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // Among those of the server, and so the shard that its thread drives (settled/driven_shards.h).
  std::size_t loop() const { return loop_.index(); }

  // What to hand to the engine, which runs it once, on any thread. `then` runs once, later or at
  // once, on the loop's thread. A limit is kept to a quarter of a second.
  template <typename T>
  [[nodiscard]] Completion<T> Await(const Limits& limits, std::function<void(Result<T>)> then);

  // End the waits of parked calls / of all, now and from now on. From any thread.
  void StopParked();
  void StopAll();

 private:
  // Shared with the completion, which may come after the wait was given up.
  class Waiting : public std::enable_shared_from_this<Waiting> {
   public:
    Waiting(Calls& calls, const Limits& limits) : calls_(calls), limits_(limits) {}
    virtual ~Waiting() = default;
    virtual void GiveUp(Error why) = 0;  // nothing if it is complete

   protected:
    friend class Calls;
    Calls& calls_;
    const Limits limits_;
    std::atomic<bool> complete_ = false;  // or given up: whoever sets it goes on
    server::Loop::Instant until_{};
    std::size_t place_ = 0;  // in waiting_
  };
  template <typename T>
  class WaitingFor;

  void Enter(std::shared_ptr<Waiting> waiting);
  void Leave(const Waiting& waiting);
  bool stops(Kind kind) const { return kind == Kind::kParked ? parked_stop_ : all_stop_; }
  void Stop(Kind kind);
  void LookAtLimits();

  server::Loop& loop_;
  std::vector<std::shared_ptr<Waiting>> waiting_;
  bool looks_ = false;  // at limits, before long
  bool parked_stop_ = false;
  bool all_stop_ = false;
};

template <typename T>
class Calls::WaitingFor : public Waiting {
 public:
  WaitingFor(Calls& calls, const Limits& limits, std::function<void(Result<T>)> then)
      : Waiting(calls, limits), then_(std::move(then)) {}

  // On any thread. Once given up the loop may be gone.
  void Complete(Result<T> result) {
    if (complete_.exchange(true)) return;
    if (calls_.loop_.here()) return Finish(std::move(result));
    result_.emplace(std::move(result));
    calls_.loop_.Post([self = this->shared_from_this(), this] { Finish(*std::move(result_)); });
  }
  void GiveUp(Error why) override {
    if (!complete_.exchange(true)) Finish(Fail(std::move(why)));
  }

 private:
  void Finish(Result<T> result) {
    const auto self = this->shared_from_this();
    calls_.Leave(*this);
    std::exchange(then_, {})(std::move(result));
  }

  std::function<void(Result<T>)> then_;
  std::optional<Result<T>> result_;
};

template <typename T>
Completion<T> Calls::Await(const Limits& limits, std::function<void(Result<T>)> then) {
  auto waiting = std::make_shared<WaitingFor<T>>(*this, limits, std::move(then));
  Enter(waiting);
  return [waiting = std::move(waiting)](Result<T> result) { waiting->Complete(std::move(result)); };
}

}  // namespace settle::coordinator
