// One thread for small tasks that may block on a read of the log.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace settle::coordinator {

class TaskThread {
 public:
  explicit TaskThread(std::size_t queued_max);
  ~TaskThread();  // stops
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  // Drops the task when so many are queued already, or once stopped. Thread-safe, does not block.
  void Post(std::function<void()> task);

  // Waits for the task that runs and drops the others.
  void Stop();

 private:
  void Run();

  const std::size_t queued_max_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace settle::coordinator
