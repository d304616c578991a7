// A thread that waits for sockets, timers and tasks of other threads, and then handles what has
// come in one round: events, tasks, the work that it drives, and what is left for the round's end,
// such as writing together what has become ready to be sent.
//
//   Loops loops(2);
//   loops[0].Drive([&] { return shard.RunReady(); });   // may have more to do then at once: Wake
//   loops.Start();
//   loops[0].Post([] { ... });
//
// Nothing that runs on a loop may block: every connection of the loop would wait for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

struct event_base;
struct event;

namespace settle::server {

class Loop {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Task = std::function<void()>;
  // Does what is ready; when it wants to be called again at the latest.
  using Work = std::function<std::optional<Instant>()>;

  // Throws std::runtime_error where the system has no descriptors left.
  explicit Loop(std::size_t index);
  ~Loop();  // stops; tasks that did not run are dropped
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Once, before Start: called in every round.
  void Drive(Work work) { work_ = std::move(work); }
  void Start();
  void Stop();  // waits for the round that is going on

  // From any thread. Tasks run in the order of their posting, on the loop's thread.
  void Post(Task task);
  // As Post, and waits until it has run. Blocking, unless it is called on the loop's own thread.
  void Run(const Task& task);
  // From any thread: there will be another round, soon.
  void Wake();

  // Whether the caller is on the loop's thread.
  bool here() const { return std::this_thread::get_id() == id_.load(std::memory_order_relaxed); }
  // Among its Loops.
  std::size_t index() const { return index_; }

  // The rest: on the loop's thread, or before Start.

  // Once: at the end of this round, after what is driven.
  void AtEndOfRound(Task task) { at_end_.push_back(std::move(task)); }
  // Once: in the first round after `when`.
  void At(Instant when, Task task) { later_.emplace(when, std::move(task)); }
  event_base* base() const { return base_.get(); }
  // Called first by whatever handles an event: until the round is over nobody need wake the loop.
  void NoteAwake();

 private:
  enum class State { kAwake, kWoken, kAsleep };
  struct Freed {
    void operator()(event_base* base) const;
    void operator()(event* one) const;
  };

  void Rounds();
  void AwaitEvents(std::optional<Instant> next);
  void RunTasks();
  std::optional<Instant> DoWhatIsDue();

  const std::size_t index_;
  const int wakeup_;  // an eventfd: whoever finds the loop asleep writes to it
  std::unique_ptr<event_base, Freed> base_;
  std::unique_ptr<event, Freed> on_wakeup_;
  std::unique_ptr<event, Freed> timer_;
  std::optional<Instant> armed_;  // until when the timer runs
  Work work_;
  std::vector<Task> at_end_;
  std::vector<Task> ending_;  // kept for its memory
  std::multimap<Instant, Task> later_;
  std::atomic<State> state_{State::kWoken};
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  std::vector<Task> running_;  // kept for its memory
  std::atomic<std::thread::id> id_{};
  std::thread thread_;
};

class Loops {
 public:
  explicit Loops(std::size_t count);
  void Start();
  void Stop();
  std::size_t size() const { return loops_.size(); }
  Loop& operator[](std::size_t index) { return *loops_[index]; }

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace settle::server
