#include "settled/wakeups.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

namespace settle::coordinator {

Wakeups::Wakeups() {
  sigset_t taken;
  sigemptyset(&taken);
  sigaddset(&taken, SIGTERM);
  sigaddset(&taken, SIGINT);
  sigaddset(&taken, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  signals_ = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
  notices_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || notices_ < 0)
    throw std::system_error(errno, std::generic_category(), "signalfd");
}

Wakeups::~Wakeups() {
  ::close(signals_);
  ::close(notices_);
}

Wakeups::Cause Wakeups::Await(std::optional<std::chrono::milliseconds> at_most) {
  const auto end =
      std::chrono::steady_clock::now() + at_most.value_or(std::chrono::milliseconds(0));
  for (;;) {
    int left = -1;
    if (at_most) {
      const auto rest =
          std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      left = rest.count() > 0 ? static_cast<int>(rest.count()) : 0;
    }
    pollfd entries[] = {{signals_, POLLIN, 0}, {notices_, POLLIN, 0}};
    const int ready = ::poll(entries, 2, left);
    if (ready == 0) return Cause::kTimeout;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo == SIGHUP) {
        on_hangup_();
        continue;
      }
      last_signal_ = static_cast<int>(info.ssi_signo);
      return Cause::kSignal;
    }
    std::uint64_t count = 0;
    if (::read(notices_, &count, sizeof(count)) == sizeof(count)) return Cause::kNotice;
  }
}

const char* Wakeups::signal_name() const { return last_signal_ == SIGINT ? "SIGINT" : "SIGTERM"; }

void Wakeups::Notify() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(notices_, &one, sizeof(one));
}

}  // namespace settle::coordinator
