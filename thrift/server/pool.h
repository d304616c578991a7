// A few threads for what may block: a loop hands it over and hears back by Loop::Post.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace settle::server {

// Thread-safe.
class Pool {
 public:
  explicit Pool(std::size_t threads);
  ~Pool();  // stops
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Does not block. Dropped once stopped. The queue is as long as its callers let it become. What a
  // task throws ends the process.
  void Post(std::function<void()> task);

  // Waits for the tasks that run and drops the others.
  void Stop();

 private:
  struct Threads;
  const std::unique_ptr<Threads> threads_;
};

}  // namespace settle::server
