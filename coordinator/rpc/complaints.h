// What peers do wrong, logged at a rate that they cannot raise.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "engine/ports.h"

namespace settle::coordinator {

// At most one line a second, with the number of those left out. Thread-safe.
class Complaints {
 public:
  explicit Complaints(Observer& observer) : observer_(observer) {}
  void Say(const std::string& what);

 private:
  Observer& observer_;
  std::mutex mutex_;
  Instant next_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace settle::coordinator
