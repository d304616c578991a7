#include "log/group_commit.h"

#include <algorithm>
#include <utility>

namespace settle::coordinator {

GroupCommit::GroupCommit(Settings settings, Write write, Beside beside)
    : settings_(settings),
      write_(std::move(write)),
      beside_(std::move(beside)),
      thread_([this] { Loop(); }) {}

GroupCommit::~GroupCommit() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void GroupCommit::Append(Pending pending) {
  const bool forced = pending.durability == Durability::kForce;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) oldest_arrived_ = std::chrono::steady_clock::now();
    // The first lazy one starts the delay, the first forced one ends it; others change nothing.
    wake = queue_.empty() || (forced && forced_queued_ == 0) ||
           queue_.size() + 1 == settings_.group_max;
    forced_queued_ += forced ? 1 : 0;
    queue_.push_back(std::move(pending));
  }
  if (wake) arrived_.notify_one();
}

void GroupCommit::Loop() {
  std::vector<Pending> group;
  while (AwaitGroup(group)) Flush(group);
}

bool GroupCommit::Due() const {
  return stopping_ || forced_queued_ > 0 || queue_.size() >= settings_.group_max ||
         (!queue_.empty() &&
          std::chrono::steady_clock::now() >= oldest_arrived_ + settings_.lazy_delay);
}

// Until something may be due; time that nobody needs is used for what is left to do.
void GroupCommit::Await(std::unique_lock<std::mutex>& lock) {
  if (idle_has_more_) {
    lock.unlock();
    idle_has_more_ = beside_.idle();
    lock.lock();
  } else if (queue_.empty()) {
    arrived_.wait(lock);
  } else {
    arrived_.wait_until(lock, oldest_arrived_ + settings_.lazy_delay);
  }
}

bool GroupCommit::AwaitGroup(std::vector<Pending>& group) {
  std::unique_lock lock(mutex_);
  while (!Due()) Await(lock);
  const std::size_t size = std::min(queue_.size(), settings_.group_max);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(size);
  group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  for (const Pending& pending : group) {
    forced_queued_ -= pending.durability == Durability::kForce ? 1 : 0;
  }
  if (!queue_.empty()) oldest_arrived_ = std::chrono::steady_clock::now();
  return !group.empty();
}

void GroupCommit::Flush(std::vector<Pending>& group) {
  const WriteResult written = write_(group);
  for (Pending& pending : group) {
    if (!pending.done) continue;
    if (pending.unstorable.empty()) {
      pending.done(written.result, written.reason);
    } else {
      pending.done(AppendResult::kRefused, pending.unstorable);
    }
  }
  group.clear();  // what the callbacks hold is let go now, not with the next group
  beside_.after();
  idle_has_more_ = true;
}

}  // namespace settle::coordinator
