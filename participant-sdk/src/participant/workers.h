// The threads of one resource. Each resource has its own, so that a database that hangs holds up no
// other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace settle::sdk {

// Thread-safe.
class Workers {
 public:
  explicit Workers(int threads);
  ~Workers();  // Stop, at once
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Runs the job soon, on one of the threads; drops it after Stop.
  void Post(std::function<void()> job);
  // Finishes what runs and what queues, but begins nothing after `until`: what is dropped then is
  // commanded again to the next session of the resource's name.
  void Stop(std::chrono::steady_clock::time_point until);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point stop_until_{};
  std::vector<std::thread> threads_;
};

}  // namespace settle::sdk
