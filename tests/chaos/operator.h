// An operator who does things at random, with the command, while everything breaks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "checker/notes.h"

namespace settle::testing {

// On a thread of its own, as the command may wait for a daemon that does not answer. Thread-safe.
class Operator {
 public:
  // What is done by heuristic decision is noted in `notes` before it is asked for.
  Operator(std::string address, const std::string& notes);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  // One action, drawn from that number. Does not wait for it.
  void Act(std::uint32_t drawn);
  // Waits until all is done.
  void Finish();
  // By "<verb> <exit code's word>", e.g. "resolve abort: refused".
  std::map<std::string, int> done() const;
  // Of the damage that it did or may have done, all: lets go of it, as a person who has looked.
  void ForgetDamage();

 private:
  void Run();
  void Do(std::uint32_t drawn);

  const std::string address_;
  NotesWriter notes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::uint32_t> drawn_;
  std::map<std::string, int> done_;
  std::set<std::string> forced_;  // of those whose heuristic decision may have been taken
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace settle::testing
