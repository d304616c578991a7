#include "server/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <stdexcept>
#include <utility>

namespace settle::server {

void Loop::Freed::operator()(event_base* base) const { event_base_free(base); }
void Loop::Freed::operator()(event* one) const { event_free(one); }

Loop::Loop(std::size_t index)
    : index_(index),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      base_(wakeup_ < 0 ? nullptr : event_base_new()) {
  if (base_ != nullptr) {
    const auto awake = [](evutil_socket_t, short, void* self) {
      static_cast<Loop*>(self)->NoteAwake();
    };
    // Told at each write, by its edge: so nobody has to read the counter.
    on_wakeup_.reset(event_new(base_.get(), wakeup_, EV_READ | EV_PERSIST | EV_ET, awake, this));
    // It may fire early: libevent's clock is a coarse one. Then it has to be set again.
    const auto fired = [](evutil_socket_t, short, void* self) {
      static_cast<Loop*>(self)->NoteAwake();
      static_cast<Loop*>(self)->armed_.reset();
    };
    timer_.reset(evtimer_new(base_.get(), fired, this));
  }
  if (on_wakeup_ == nullptr || timer_ == nullptr || event_add(on_wakeup_.get(), nullptr) != 0) {
    if (wakeup_ >= 0) ::close(wakeup_);
    throw std::runtime_error("no descriptors or memory for an event loop");
  }
}

Loop::~Loop() {
  Stop();
  on_wakeup_.reset();
  timer_.reset();
  base_.reset();
  ::close(wakeup_);
}

void Loop::Start() {
  thread_ = std::thread([this] { Rounds(); });
}

void Loop::Stop() {
  if (!thread_.joinable()) return;
  stopped_ = true;
  Wake();
  thread_.join();
}

void Loop::Post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  Wake();
}

void Loop::Run(const Task& task) {
  if (here()) return task();
  std::promise<void> done;
  Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

// Only a loop that sleeps, or is about to, costs a system call.
void Loop::Wake() {
  if (state_.exchange(State::kWoken) != State::kAsleep) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wakeup_, &one, sizeof(one));
}

void Loop::NoteAwake() {
  State asleep = State::kAsleep;
  if (state_.load(std::memory_order_relaxed) == asleep)
    state_.compare_exchange_strong(asleep, State::kAwake);
}

void Loop::Rounds() {
  id_ = std::this_thread::get_id();
  std::optional<Instant> next;
  while (!stopped_) {
    AwaitEvents(next);
    state_ = State::kAwake;  // whoever wakes it from here on asks for another round
    RunTasks();
    next = DoWhatIsDue();
    ending_.swap(at_end_);
    for (const Task& task : ending_) task();
    ending_.clear();
  }
}

void Loop::AwaitEvents(std::optional<Instant> next) {
  State awake = State::kAwake;
  const bool sleeps = state_.compare_exchange_strong(awake, State::kAsleep);
  if (sleeps && next != armed_) {
    armed_ = next;
    event_del(timer_.get());
    if (next) {
      const auto left = std::max(
          std::chrono::ceil<std::chrono::microseconds>(*next - std::chrono::steady_clock::now()),
          std::chrono::microseconds(0));
      const timeval time{.tv_sec = left.count() / 1'000'000, .tv_usec = left.count() % 1'000'000};
      event_add(timer_.get(), &time);
    }
  }
  event_base_loop(base_.get(), sleeps ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void Loop::RunTasks() {
  {
    const std::scoped_lock lock(mutex_);
    running_.swap(tasks_);
  }
  for (Task& task : running_) std::exchange(task, {})();
  running_.clear();
}

std::optional<Loop::Instant> Loop::DoWhatIsDue() {
  std::optional<Instant> next;
  while (!later_.empty() && !next) {
    const auto first = later_.begin();
    if (first->first > std::chrono::steady_clock::now()) {
      next = first->first;
    } else {
      const Task task = std::move(first->second);
      later_.erase(first);
      task();
    }
  }
  const std::optional<Instant> of_work = work_ ? work_() : std::nullopt;
  return next && of_work ? std::min(*next, *of_work) : next ? next : of_work;
}

Loops::Loops(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>(i));
}

void Loops::Start() {
  for (const auto& loop : loops_) loop->Start();
}

void Loops::Stop() {
  for (const auto& loop : loops_) loop->Stop();
}

}  // namespace settle::server
