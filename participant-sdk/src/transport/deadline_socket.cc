#include "transport/deadline_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace settle::sdk {
namespace {

using apache::thrift::transport::TTransportException;

[[noreturn]] void Throw(TTransportException::TTransportExceptionType type, int error) {
  throw TTransportException(type, std::generic_category().message(error));
}

bool MustWait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

DeadlineSocket::DeadlineSocket(std::shared_ptr<apache::thrift::TConfiguration> limits,
                               const Interrupter* interrupter)
    : TVirtualTransport(std::move(limits)), interrupter_(interrupter) {}

DeadlineSocket::~DeadlineSocket() { close(); }

void DeadlineSocket::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void DeadlineSocket::Connect(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) throw TTransportException(TTransportException::NOT_OPEN, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    try {
      ConnectTo(*address);
      return;
    } catch (const TTransportException&) {
      close();
      if (address->ai_next == nullptr) throw;
    }
  }
}

void DeadlineSocket::ConnectTo(const addrinfo& address) {
  socket_ = ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                     address.ai_protocol);
  if (socket_ < 0) Throw(TTransportException::NOT_OPEN, errno);
  const int on = 1;
  // A dead peer must be noticed, and no small message wait for another: neither is needed to be
  // correct.
  ::setsockopt(socket_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_, address.ai_addr, address.ai_addrlen) == 0) return;
  if (errno != EINPROGRESS && errno != EINTR) Throw(TTransportException::NOT_OPEN, errno);
  Await(POLLOUT);
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) Throw(TTransportException::NOT_OPEN, error);
}

uint32_t DeadlineSocket::read(uint8_t* buffer, uint32_t length) {
  for (;;) {
    Await(POLLIN);  // first, since an answer is hardly ever there when one begins to look for it
    const ssize_t got = ::recv(socket_, buffer, length, 0);
    if (got >= 0) return static_cast<uint32_t>(got);
    if (!MustWait(errno)) Throw(TTransportException::UNKNOWN, errno);
  }
}

void DeadlineSocket::write(const uint8_t* buffer, uint32_t length) {
  while (length > 0) {
    const ssize_t sent = ::send(socket_, buffer, length, MSG_NOSIGNAL);
    if (sent >= 0) {
      buffer += sent;
      length -= static_cast<uint32_t>(sent);
    } else if (MustWait(errno)) {
      Await(POLLOUT);
    } else {
      Throw(TTransportException::UNKNOWN, errno);
    }
  }
}

void DeadlineSocket::Await(short events) {
  using std::chrono::milliseconds;
  const int interrupt = interrupter_ != nullptr ? interrupter_->descriptor() : -1;
  for (;;) {
    const auto left =
        std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) Throw(TTransportException::TIMED_OUT, ETIMEDOUT);
    std::array<pollfd, 2> waits{{{socket_, events, 0}, {interrupt, POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) Throw(TTransportException::UNKNOWN, errno);
    if (ready <= 0) continue;
    if (waits[1].revents != 0) Throw(TTransportException::INTERRUPTED, ECANCELED);
    return;
  }
}

}  // namespace settle::sdk
