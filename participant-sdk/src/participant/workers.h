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
  // The same for a job of two parts, of which the first does not block and gives the second, which
  // waits for what the first has begun; an empty one: nothing is left to do. A thread that finds
  // several of these begins its share of them, 16 at most, before it waits for any of them.
  using Rest = std::function<void()>;
  void PostStart(std::function<Rest()> start);
  // Finishes what runs and what queues, but begins nothing after `until`, the second part of a job
  // neither: what is dropped then is commanded again to the next session of the resource's name.
  void Stop(std::chrono::steady_clock::time_point until);

 private:
  struct Job {
    std::function<Rest()> start;
    bool blocks = false;
  };

  void Post(Job job);
  void Run();
  std::vector<Job> Take();
  bool IsOver() const;  // nothing is begun any more

  const std::size_t count_;  // of threads
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point stop_until_{};
  std::vector<std::thread> threads_;
};

}  // namespace settle::sdk
