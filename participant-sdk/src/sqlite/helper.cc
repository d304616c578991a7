#include "sqlite/helper.h"

#include <exception>
#include <utility>

namespace settle::sqlite {

Helper::~Helper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  posted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Helper::Post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    jobs_.push_back(std::move(job));
  }
  posted_.notify_one();
}

void Helper::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    posted_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    try {
      job();
    } catch (const std::exception&) {
      // Whoever posted it does it himself, and sees what is wrong.
    }
    job = nullptr;  // what it holds is let go now, not with the next job
    lock.lock();
  }
}

}  // namespace settle::sqlite
