// Keeps what it is told.
#pragma once

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "engine/ports.h"

namespace settle::testing {

class RecordingObserver : public coordinator::Observer {
 public:
  void Event(Level, const coordinator::About&, std::string_view what) override {
    const std::scoped_lock lock(mutex_);
    events_.emplace_back(what);
    told_.notify_all();
  }
  [[noreturn]] void Fatal(std::string_view) override { std::abort(); }

  std::vector<std::string> events() {
    const std::scoped_lock lock(mutex_);
    return events_;
  }
  bool AwaitOneWith(const std::string& words) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, std::chrono::seconds(10), [&] {
      for (const std::string& event : events_) {
        if (event.find(words) != std::string::npos) return true;
      }
      return false;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::string> events_;
};

}  // namespace settle::testing
