#include "cli/reach.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "cli/text.h"

namespace settle::cli {
namespace {

using std::chrono::milliseconds;

class Socket {
 public:
  explicit Socket(int number) : number_(number) {}
  ~Socket() {
    if (number_ >= 0) ::close(number_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

bool Await(int socket, short events, milliseconds patience) {
  pollfd watched{socket, events, 0};
  return ::poll(&watched, 1, static_cast<int>(patience.count())) > 0;
}

// 0, or why not, as errno has it.
int Connect(int socket, const addrinfo& to, milliseconds patience) {
  if (::connect(socket, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!Await(socket, POLLOUT, patience)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// The first bytes of what a listener that is no coordinator says to this; nothing, if it is silent.
std::string FirstWords(int socket, milliseconds patience) {
  constexpr std::string_view kHello = "GET / HTTP/1.0\r\n\r\n";
  if (::send(socket, kHello.data(), kHello.size(), MSG_NOSIGNAL) < 0) return {};
  if (!Await(socket, POLLIN, patience)) return {};
  char bytes[16];
  const ssize_t count = ::recv(socket, bytes, sizeof bytes, 0);
  return count > 0 ? std::string(bytes, static_cast<std::size_t>(count)) : std::string();
}

Finding Resolved(const Address& address, int result) {
  return {
      "reach-address", Severity::kProblem,
      Printable(address.host) + " is not known: " + ::gai_strerror(result),
      "correct --address or SETTLE_ADDRESS, or see why the name is not resolved (getent hosts " +
          Printable(address.host) + ")"};
}

Finding Refused(const Address& address, int error) {
  const std::string code = "reach-port";
  if (error == ECONNREFUSED) {
    return {code, Severity::kProblem, "nothing listens at " + address.text(),
            "see whether settled runs and where it listens: systemctl status settled; its first "
            "line says \"ready on\""};
  }
  return {code, Severity::kProblem,
          "no connection to " + address.text() + ": " + std::strerror(error),
          "see that the machine is up and that no firewall is in between"};
}

Finding Spoken(const Address& address, const std::string& words, const std::string& failure) {
  const std::string code = "reach-protocol";
  if (words.starts_with("HTTP/")) {
    return {code, Severity::kProblem, address.text() + " answers HTTP",
            "name the port of settled's --listen; this may be that of its --http-listen"};
  }
  if (words.size() > 1 && words[0] == '\x15' && words[1] == '\x03') {
    return {code, Severity::kProblem, address.text() + " answers TLS",
            "settled is reached there with a certificate: see docs/security.md"};
  }
  return {code, Severity::kProblem,
          "something listens at " + address.text() +
              " and did not answer as a coordinator: " + Printable(failure),
          "see what it is (ss -ltnp); if it speaks TLS, give --tls-ca, --tls-certificate and "
          "--tls-key; a coordinator that is stuck says so in its log"};
}

std::vector<Finding> ExamineUnix(const Address& address, const std::string& failure) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  address.path.copy(to.sun_path, sizeof to.sun_path - 1);
  const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    return {{"reach-port", Severity::kOk, "something listens at " + address.text(), ""},
            Spoken(address, "", failure)};
  }
  const int error = errno;
  if (error == ENOENT || error == ECONNREFUSED) return {Refused(address, ECONNREFUSED)};
  return {{"reach-port", Severity::kProblem,
           "no connection to " + address.text() + ": " + std::strerror(error),
           "only the daemon's user and its group may connect (ls -l " + Printable(address.path) +
               "): be one of that group, or use sudo"}};
}

}  // namespace

std::vector<Finding> ExamineReach(const Address& address, const std::string& failure,
                                  milliseconds patience) {
  if (address.is_unix()) return ExamineUnix(address, failure);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int result =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &list);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  if (result != 0) return {Resolved(address, result)};
  std::vector<Finding> found{
      {"reach-address", Severity::kOk, Printable(address.host) + " is known", ""}};
  int error = 0;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const Socket socket(
        ::socket(each->ai_family, each->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = socket.number() < 0 ? errno : Connect(socket.number(), *each, patience);
    if (error != 0) continue;
    found.push_back({"reach-port", Severity::kOk, "something listens at " + address.text(), ""});
    found.push_back(Spoken(address, FirstWords(socket.number(), patience), failure));
    return found;
  }
  found.push_back(Refused(address, error));
  return found;
}

}  // namespace settle::cli
