// What peers do wrong, logged at a rate that they cannot raise.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace settle::server {

// Where a line for people goes. Called on any thread.
using Complain = std::function<void(const std::string& line)>;

// At most one line a second, with the number of those left out. Thread-safe.
class Complaints {
 public:
  explicit Complaints(Complain complain) : complain_(std::move(complain)) {}
  void Say(const std::string& what) { Say(what, complain_); }
  // The same where the line goes elsewhere, at the rate of all.
  void Say(const std::string& what, const Complain& complain);

 private:
  const Complain complain_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace settle::server
