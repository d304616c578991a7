#include "server/complaints.h"

namespace settle::server {

void Complaints::Say(const std::string& what, const Complain& complain) {
  std::string line = what;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) {
      ++left_out_;
      return;
    }
    next_ = now + std::chrono::seconds(1);
    if (left_out_ > 0) line += " (and " + std::to_string(left_out_) + " more complaints before)";
    left_out_ = 0;
  }
  complain(line);
}

}  // namespace settle::server
