// The way into a shard: a bounded queue that many threads fill and one empties.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

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

  // Whoever drives the shard is told when there is something to take again; nobody, if it is empty.
  // `wake` must not block; it runs on the thread that posts.
  void WakeBy(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

 private:
  void Push(Task task) {
    tasks_.push_back(std::move(task));
    if (tasks_.size() == 1 && wake_) wake_();
  }

  const std::size_t calls_max_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<Task> tasks_;
};

}  // namespace settle::coordinator
