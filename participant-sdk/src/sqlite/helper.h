// A thread that lends a hand, so that a caller can do the same in several files at the same time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace settle::sqlite {

// Thread-safe. The thread is made when it is first needed.
class Helper {
 public:
  Helper() = default;
  // Waits for what runs; what queues is dropped.
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Runs the job soon, unless this ends first. Jobs must be such as whoever posts them can also do
  // himself, before or after.
  void Post(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace settle::sqlite
