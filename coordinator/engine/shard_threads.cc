#include "engine/shard_threads.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/shard.h"

namespace settle::coordinator {

struct ShardThreads::Driver {
  explicit Driver(Shard& driven) : shard(driven) {
    shard.mailbox().WakeBy([this] { Wake(false); });
    thread = std::thread([this] {
      while (Rest(shard.RunReady())) continue;
    });
  }
  ~Driver() {
    Wake(true);
    thread.join();
    shard.mailbox().WakeBy({});
  }

  void Wake(bool to_stop) {
    const std::lock_guard lock(mutex);
    woken = true;
    stopped = stopped || to_stop;
    wake.notify_one();
  }

  // False: stopped.
  bool Rest(std::optional<Instant> until) {
    std::unique_lock lock(mutex);
    const auto ready = [this] { return std::exchange(woken, false); };
    if (until) {
      wake.wait_until(lock, *until, ready);
    } else {
      wake.wait(lock, ready);
    }
    return !stopped;
  }

  Shard& shard;
  std::mutex mutex;
  std::condition_variable wake;
  bool woken = false;
  bool stopped = false;
  std::thread thread;
};

ShardThreads::ShardThreads(Engine& engine) {
  for (const auto& shard : engine.shards()) drivers_.push_back(std::make_unique<Driver>(*shard));
}

ShardThreads::~ShardThreads() = default;

}  // namespace settle::coordinator
