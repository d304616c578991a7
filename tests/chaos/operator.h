// An operator who does things at random, with the command, while everything breaks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "checker/notes.h"
#include "end_to_end/cli.h"

namespace settle::testing {

// On a thread of its own, as the command may wait for a daemon that does not answer. Thread-safe.
class Operator {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What is done by heuristic decision is noted in `notes` before it is asked for, and what the
  // coordinator shows of it before it is let go of.
  Operator(std::string address, const std::string& notes);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  // One action, drawn from that number. Does not wait for it.
  void Act(std::uint32_t drawn);
  // Forces what waits for a majority, one way or the other, as soon as anything does; not after
  // `until`. Does not wait for it.
  void Force(std::uint32_t drawn, Time until);
  // Whether anything waits so, and not just in passing. Blocking.
  bool SeesWhatWaits() const;

  // Waits until all is done.
  void Finish();
  // By "<verb> <exit code's word>", e.g. "resolve abort: refused"; of heuristic decisions "forced:
  // accepted", and by what the coordinator showed at their end, "forced: shown as mixed".
  std::map<std::string, int> done() const;

  // The rest is for a thread that has waited until all is done.

  // Lets go of what it forced and what has ended, as a person who has looked.
  void LetGo();
  // All is at rest: what nobody knows to have been forced was not.
  void NoteWhatWasNotForced();
  // What was forced and has ended.
  const std::set<std::string>& shown() const { return shown_; }

 private:
  struct Task {
    std::uint32_t drawn = 0;
    std::optional<Time> force_until{};
  };
  void Add(const Task& task);
  void Run();
  void Do(const Task& task);
  void DoToOne(std::uint32_t drawn);
  void ForceWhatWaits(const Task& task);
  // Whether it was told that this is recorded.
  bool ForceOne(const std::string& gtid, const std::string& to);
  bool IsLetGo(const std::string& gtid);

  CliAnswer Ask(std::vector<std::string> words) const;
  std::vector<std::string> Waiting() const;  // gtids
  void Count(const std::string& what);

  const std::string address_;
  NotesWriter notes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::map<std::string, int> done_;
  bool busy_ = false;
  bool stopping_ = false;
  // Of whose heuristic decision it does not know yet how it ended, if it was taken at all.
  std::set<std::string> forced_;
  std::set<std::string> accepted_;  // it was told that it was taken
  std::set<std::string> shown_;
  std::thread thread_;
};

}  // namespace settle::testing
