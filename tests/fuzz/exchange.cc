#include "exchange.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "server/listen_address.h"

namespace settle::fuzz {
namespace {

class Socket {
 public:
  explicit Socket(const server::SocketAddress& address)
      : number_(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (::connect(number_, reinterpret_cast<const sockaddr*>(&address.storage), address.length) ==
        0)
      return;
    const int error = errno;
    ::close(number_);
    throw std::runtime_error("cannot connect to " + address.text() + ": " + std::strerror(error));
  }
  ~Socket() { ::close(number_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int number() const { return number_; }

 private:
  const int number_;
};

bool WouldBlock() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

std::string Exchange(const std::string& address, std::string_view bytes,
                     std::chrono::milliseconds patience) {
  const Socket socket(server::Resolve(server::ParseListenAddress(address).value()).value());
  std::string received;
  bool sending = true;
  for (;;) {
    if (sending) {
      const ssize_t sent =
          ::send(socket.number(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      sending = sent < 0 ? WouldBlock() : !bytes.empty();
      if (!sending) ::shutdown(socket.number(), SHUT_WR);
    }
    pollfd ready{socket.number(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
    const int some = ::poll(&ready, 1, static_cast<int>(patience.count()));
    if (some == 0) return received;
    char buffer[16 * 1024];
    const ssize_t count = ::recv(socket.number(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0) received.append(buffer, static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && !WouldBlock())) return received;
  }
}

}  // namespace settle::fuzz
