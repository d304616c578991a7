#include "sqlite/writer_queue.h"

#include <algorithm>

namespace settle::sqlite {

WriterQueue::Wish::Wish(WriterQueue& queue) : queue_(queue) {
  const std::lock_guard lock(queue_.mutex_);
  place_ = queue_.wishes_.insert(std::chrono::steady_clock::now());
}

WriterQueue::Wish::~Wish() {
  const std::lock_guard lock(queue_.mutex_);
  queue_.wishes_.erase(place_);
}

std::vector<std::chrono::milliseconds> WriterQueue::Wishes() const {
  const Instant now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  std::vector<std::chrono::milliseconds> waits;
  for (const Instant since : wishes_)
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now - since));
  return waits;
}

std::optional<WriterQueue::Turn> WriterQueue::Wait(Rank rank, Instant deadline) {
  std::unique_lock lock(mutex_);
  if (!taken_ && waiters_.empty()) {
    taken_ = true;
    return Turn(*this);
  }
  Waiter self{rank, {}, false};
  const auto first_after = std::find_if(waiters_.begin(), waiters_.end(),
                                        [rank](const Waiter* other) { return other->rank > rank; });
  const auto place = waiters_.insert(first_after, &self);
  self.called.wait_until(lock, deadline, [&self] { return self.is_called; });
  if (self.is_called) return Turn(*this);
  waiters_.erase(place);
  return std::nullopt;
}

void WriterQueue::AwaitRelease(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  released_.wait_for(lock, at_most);
}

void WriterQueue::Release() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  CallNext();
  released_.notify_all();
}

void WriterQueue::CallNext() {
  if (waiters_.empty()) return;
  Waiter* next = waiters_.front();
  waiters_.pop_front();
  taken_ = true;
  next->is_called = true;
  next->called.notify_one();
}

}  // namespace settle::sqlite
