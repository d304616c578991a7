#include "transport/deadline_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace settle::sdk {
namespace {

using apache::thrift::transport::TTransportException;

// How long one system call waits for an answer: the deadline is looked at in between.
constexpr std::chrono::milliseconds kReceiveWait{500};

[[noreturn]] void Throw(TTransportException::TTransportExceptionType type, int error) {
  throw TTransportException(type, std::generic_category().message(error));
}

}  // namespace

struct DeadlineSocket::Target {
  int family = 0;
  const sockaddr* address = nullptr;
  socklen_t length = 0;
};

DeadlineSocket::DeadlineSocket(std::shared_ptr<apache::thrift::TConfiguration> limits,
                               const Interrupter* interrupter)
    : TVirtualTransport(std::move(limits)), interrupter_(interrupter) {}

DeadlineSocket::~DeadlineSocket() = default;

void DeadlineSocket::Connect(const Address& address, const DialTls& tls) {
  if (address.is_unix()) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    address.path.copy(un.sun_path, sizeof un.sun_path - 1);
    return ConnectTo({AF_UNIX, reinterpret_cast<const sockaddr*>(&un), sizeof un}, tls);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) throw TTransportException(TTransportException::NOT_OPEN, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  ConnectToAny(found, tls);
}

void DeadlineSocket::ConnectToAny(const addrinfo* addresses, const DialTls& tls) {
  for (const addrinfo* one = addresses; one != nullptr; one = one->ai_next) {
    try {
      return ConnectTo({one->ai_family, one->ai_addr, one->ai_addrlen}, tls);
    } catch (const TTransportException&) {
      close();
      if (one->ai_next == nullptr) throw;
    }
  }
}

void DeadlineSocket::ConnectTo(const Target& target, const DialTls& tls) {
  const int socket = ::socket(target.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) Throw(TTransportException::NOT_OPEN, errno);
  channel_.emplace(socket, tls.material, tls.host);
  const int on = 1;
  // A dead peer must be noticed, and no small message wait for another: neither is needed to be
  // correct.
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket, target.address, target.length) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) Throw(TTransportException::NOT_OPEN, errno);
    Await(POLLOUT);
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) Throw(TTransportException::NOT_OPEN, error);
  }
  ShakeHands();
}

void DeadlineSocket::ShakeHands() {
  for (;;) {
    const channel::Step step = channel_->Handshake();
    if (step.kind == channel::Step::Kind::kMoved) return ReadByWaiting();
    if (step.kind == channel::Step::Kind::kClosed) {
      throw TTransportException(
          TTransportException::NOT_OPEN,
          "TLS: it closed the connection in the middle of the handshake: does it speak TLS there?");
    }
    AwaitFor(step);
  }
}

void DeadlineSocket::ReadByWaiting() {
  if (interrupter_ != nullptr || channel_->encrypted()) return;
  const int socket = channel_->socket();
  const timeval wait{0, std::chrono::microseconds(kReceiveWait).count()};
  const int flags = ::fcntl(socket, F_GETFL);
  blocking_ = ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
              flags != -1 && ::fcntl(socket, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

uint32_t DeadlineSocket::read(uint8_t* buffer, uint32_t length) {
  using std::chrono::steady_clock;
  for (;;) {
    // Waiting in the system call that reads saves the one that waits. Near the deadline it would be
    // too coarse, and it cannot be interrupted.
    const bool waits = blocking_ && deadline_ - steady_clock::now() > 2 * kReceiveWait;
    // An answer is hardly ever there when one begins to look for it.
    if (!waits && !channel_->holds_input()) Await(POLLIN);
    const channel::Step step =
        waits ? channel_->ReceiveWaiting({buffer, length}) : channel_->Receive({buffer, length});
    if (waits && step.kind == channel::Step::Kind::kWantsRead) continue;
    if (step.kind == channel::Step::Kind::kMoved) return static_cast<uint32_t>(step.bytes);
    if (step.kind == channel::Step::Kind::kClosed) return 0;
    AwaitFor(step);
  }
}

void DeadlineSocket::write(const uint8_t* buffer, uint32_t length) {
  while (length > 0) {
    const channel::Step step = channel_->Send({buffer, length});
    if (step.kind == channel::Step::Kind::kMoved) {
      buffer += step.bytes;
      length -= static_cast<uint32_t>(step.bytes);
    } else if (step.kind == channel::Step::Kind::kClosed) {
      Throw(TTransportException::UNKNOWN, EPIPE);
    } else {
      AwaitFor(step);
    }
  }
}

void DeadlineSocket::AwaitFor(const channel::Step& step) {
  if (step.kind == channel::Step::Kind::kBroken) {
    throw TTransportException(TTransportException::UNKNOWN, channel_->why());
  }
  Await(step.kind == channel::Step::Kind::kWantsWrite ? POLLOUT : POLLIN);
}

void DeadlineSocket::Await(short events) {
  using std::chrono::milliseconds;
  const int interrupt = interrupter_ != nullptr ? interrupter_->descriptor() : -1;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) Throw(TTransportException::TIMED_OUT, ETIMEDOUT);
    std::array<pollfd, 2> waits{{{channel_->socket(), events, 0}, {interrupt, POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) Throw(TTransportException::UNKNOWN, errno);
    if (ready <= 0) continue;
    if (waits[1].revents != 0) Throw(TTransportException::INTERRUPTED, ECANCELED);
    return;
  }
}

}  // namespace settle::sdk
