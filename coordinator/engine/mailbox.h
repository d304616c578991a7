// The way into a shard: a bounded queue that many threads fill and one empties.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/ports.h"

namespace settle::coordinator {

using Task = std::function<void()>;

// Thread-safe.
class Mailbox {
 public:
  explicit Mailbox(std::size_t calls_max) : calls_max_(calls_max) {}

  // A call from outside. False: full, nothing was queued; the caller is told to retry.
  [[nodiscard]] bool Post(Task task) {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= calls_max_) return false;
    Push(std::move(task));
    return true;
  }

  // What must not be lost: what the log, a timer or a participant says about work already accepted.
  // Their number is bounded by that work.
  void PostAlways(Task task) {
    const std::lock_guard lock(mutex_);
    Push(std::move(task));
  }

  std::vector<Task> TakeAll() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tasks_, {});
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return tasks_.size();
  }

  bool empty() const {
    const std::lock_guard lock(mutex_);
    return tasks_.empty();
  }

  // Blocks until there is something to take, `until` has come, or Close was called.
  void Wait(std::optional<Instant> until) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return closed_ || !tasks_.empty(); };
    if (until) {
      wake_.wait_until(lock, *until, ready);
    } else {
      wake_.wait(lock, ready);
    }
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.notify_all();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  void Push(Task task) {
    if (tasks_.empty()) wake_.notify_one();
    tasks_.push_back(std::move(task));
  }

  const std::size_t calls_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Task> tasks_;
  bool closed_ = false;
};

}  // namespace settle::coordinator
