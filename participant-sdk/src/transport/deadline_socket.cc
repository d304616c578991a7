#include "transport/deadline_socket.h"

#include <poll.h>

#include <array>
#include <cerrno>

namespace settle::sdk {

using apache::thrift::transport::TTransportException;

DeadlineSocket::DeadlineSocket(const std::string& host, int port,
                               std::shared_ptr<apache::thrift::TConfiguration> limits,
                               const Interrupter* interrupter)
    : TSocket(host, port, std::move(limits)), interrupter_(interrupter) {}

uint32_t DeadlineSocket::read(uint8_t* buffer, uint32_t length) {
  AwaitReadable();
  return TSocket::read(buffer, length);
}

void DeadlineSocket::AwaitReadable() {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) {
      throw TTransportException(TTransportException::TIMED_OUT, "no reply in time");
    }
    const int interrupt = interrupter_ != nullptr ? interrupter_->descriptor() : -1;
    std::array<pollfd, 2> waits{{{getSocketFD(), POLLIN, 0}, {interrupt, POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) {
      throw TTransportException(TTransportException::UNKNOWN, "poll", errno);
    }
    if (ready <= 0) continue;
    if (waits[1].revents != 0) {
      throw TTransportException(
          TTransportException::INTERRUPTED, "this program is closing the connection");
    }
    return;
  }
}

}  // namespace settle::sdk
