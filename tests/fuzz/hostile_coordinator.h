// Something on a Unix socket that answers whatever it is asked with the same bytes, in a reply that
// belongs to the question.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "support/temporary_directory.h"

namespace settle::fuzz {

// Serves one connection at a time, one question of each, and so few in all that a list that claims
// to go on for ever ends.
class HostileCoordinator {
 public:
  HostileCoordinator();  // throws std::runtime_error
  ~HostileCoordinator();
  HostileCoordinator(const HostileCoordinator&) = delete;
  HostileCoordinator& operator=(const HostileCoordinator&) = delete;

  const std::string& path() const { return path_; }
  // From the next question on: the fields of the method's result, of which number 0 is its value.
  void AnswerWith(std::string_view result);

 private:
  void Serve();
  void Answer(int socket);

  const testing::TemporaryDirectory directory_;
  const std::string path_;
  const int listener_;
  std::mutex mutex_;
  std::string result_;
  int left_ = 0;  // answers
  std::thread thread_;
};

}  // namespace settle::fuzz
