// Who may write to a file next, within this process. SQLite's own lock makes waiters poll and knows
// no order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace settle::sqlite {

using Instant = std::chrono::steady_clock::time_point;

// Thread-safe. Finishers go first, as they end what everybody waits for; within a rank, first come,
// first served.
class WriterQueue {
 public:
  enum class Rank { kFinisher, kWorker };

  // The right to write, given back when it goes. Must not outlive the queue.
  class Turn {
   public:
    explicit Turn(WriterQueue& queue) : queue_(&queue) {}
    Turn(Turn&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(queue_, other.queue_);
      return *this;
    }
    ~Turn() {
      if (queue_ != nullptr) queue_->Release();
    }

   private:
    WriterQueue* queue_;
  };

  // Somebody wants to write and cannot yet, as long as this lives. Must not outlive the queue.
  class Wish {
   public:
    explicit Wish(WriterQueue& queue);
    ~Wish();
    Wish(const Wish&) = delete;
    Wish& operator=(const Wish&) = delete;

   private:
    WriterQueue& queue_;
    std::multiset<Instant>::iterator place_;
  };
  // How long each of them has waited, the longest first.
  std::vector<std::chrono::milliseconds> Wishes() const;

  // Blocking; nothing once the deadline has passed.
  [[nodiscard]] std::optional<Turn> Wait(Rank rank, Instant deadline);

  // Returns at the next release of a turn, or after `at_most`.
  void AwaitRelease(std::chrono::milliseconds at_most);

 private:
  struct Waiter {
    Rank rank;
    std::condition_variable called;
    bool is_called = false;
  };

  void Release();
  void CallNext();

  mutable std::mutex mutex_;
  std::multiset<Instant> wishes_;  // since when
  std::condition_variable released_;
  std::list<Waiter*> waiters_;
  bool taken_ = false;
};

}  // namespace settle::sqlite
