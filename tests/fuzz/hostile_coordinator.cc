#include "hostile_coordinator.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

#include "exchange.h"

namespace settle::fuzz {
namespace {

constexpr int kAnswersMost = 4;
constexpr std::size_t kQuestionMost = 1024 * 1024;
constexpr std::uint32_t kReply = 0x80010002;  // version 1 of the binary protocol, type reply

std::uint32_t Number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char each : bytes.substr(0, 4)) number = number << 8 | static_cast<std::uint8_t>(each);
  return number;
}

std::string Bytes(std::uint32_t number) {
  std::string bytes;
  for (int i = 3; i >= 0; --i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

// Empty: there is none.
std::string Receive(int socket, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = ::recv(socket, bytes.data(), size, MSG_WAITALL);
  return count == static_cast<ssize_t>(size) ? bytes : "";
}

// Behind the service's name and a colon.
std::string MethodOf(const std::string& question) {
  const std::string name = question.substr(8, Number(std::string_view(question).substr(4)));
  return name.substr(name.find(':') + 1);
}

int ListenOn(const std::string& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 8) != 0)
    throw std::runtime_error("cannot listen on " + path);
  return listener;
}

}  // namespace

HostileCoordinator::HostileCoordinator()
    : directory_(MemoryDirectory()),
      path_(directory_ / "s"),
      listener_(ListenOn(path_)),
      thread_([this] { Serve(); }) {}

HostileCoordinator::~HostileCoordinator() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void HostileCoordinator::AnswerWith(std::string_view result) {
  const std::scoped_lock lock(mutex_);
  result_ = result;
  left_ = kAnswersMost;
}

void HostileCoordinator::Serve() {
  for (int socket; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    Answer(socket);
    ::close(socket);  // or who misses something waits for it
  }
}

void HostileCoordinator::Answer(int socket) {
  const std::string length = Receive(socket, 4);
  if (length.empty() || Number(length) > kQuestionMost || Number(length) < 12) return;
  const std::string question = Receive(socket, Number(length));
  if (question.empty()) return;
  const std::string method = MethodOf(question);
  std::string reply = Bytes(kReply) + Bytes(static_cast<std::uint32_t>(method.size())) + method +
                      question.substr(8 + Number(std::string_view(question).substr(4)), 4);
  {
    const std::scoped_lock lock(mutex_);
    if (left_-- <= 0) return;
    reply += result_;
  }
  reply.insert(0, Bytes(static_cast<std::uint32_t>(reply.size())));
  (void)::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL);
}

}  // namespace settle::fuzz
