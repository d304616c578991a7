// One thread for small tasks that may block on a read of the log. Its queue is as long as its
// callers let it become: each call waits for its task, and inquiries of scans are counted where
// they are made.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace settle::coordinator {

class TaskThread {
 public:
  TaskThread();
  ~TaskThread();  // stops
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  // Dropped once stopped. Thread-safe, does not block.
  void Post(std::function<void()> task);

  // Waits for the task that runs and drops the others.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace settle::coordinator
