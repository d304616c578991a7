#include "participant/workers.h"

#include <algorithm>
#include <utility>

namespace settle::sdk {
namespace {

constexpr std::size_t kBegunTogether = 16;

}  // namespace

Workers::Workers(int threads) : count_(static_cast<std::size_t>(threads)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Workers::~Workers() { Stop(std::chrono::steady_clock::now()); }

void Workers::Post(std::function<void()> job) {
  const auto whole = [job = std::move(job)]() -> Rest {
    job();
    return {};
  };
  Post(Job{whole, /*blocks=*/true});
}

void Workers::PostStart(std::function<Rest()> start) { Post(Job{std::move(start)}); }

void Workers::Post(Job job) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void Workers::Stop(std::chrono::steady_clock::time_point until) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) stop_until_ = until;
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// The first, and what stands behind it as far as it can be begun without waiting; the others are
// for other threads, since a start may begin nothing and leave all of it to the rest.
std::vector<Workers::Job> Workers::Take() {
  const std::size_t share = std::min(kBegunTogether, (jobs_.size() + count_ - 1) / count_);
  std::vector<Job> taken;
  do {
    taken.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  } while (!jobs_.empty() && !taken.back().blocks && !jobs_.front().blocks && taken.size() < share);
  return taken;
}

bool Workers::IsOver() const {
  return stopping_ && std::chrono::steady_clock::now() >= stop_until_;
}

void Workers::Run() {
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      if (IsOver()) return;
      jobs = Take();
    }
    std::vector<Rest> rests;
    for (const Job& job : jobs) rests.push_back(job.start());
    for (const Rest& rest : rests) {
      if (!rest) continue;
      {
        const std::lock_guard lock(mutex_);
        if (IsOver()) return;
      }
      rest();
    }
  }
}

}  // namespace settle::sdk
