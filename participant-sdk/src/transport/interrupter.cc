#include "transport/interrupter.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace settle::sdk {

Interrupter::Interrupter() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Interrupter::~Interrupter() { ::close(descriptor_); }

void Interrupter::Interrupt() {
  const std::uint64_t one = 1;
  // Can fail only when it was interrupted 2^64 times already.
  if (::write(descriptor_, &one, sizeof one) < 0) return;
}

bool Interrupter::interrupted() const { return Sleep(std::chrono::milliseconds(0)); }

bool Interrupter::Sleep(std::chrono::milliseconds delay) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point until = Clock::now() + delay;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    pollfd waits{descriptor_, POLLIN, 0};
    const int ready = ::poll(&waits, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= until) return false;
  }
}

}  // namespace settle::sdk
