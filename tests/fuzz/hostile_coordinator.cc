#include "hostile_coordinator.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>

#include "message.h"
#include "support/raw_peer.h"

namespace settle::fuzz {
namespace {

using testing::BigEndian;
using testing::Frame;
using testing::Text;

constexpr int kAnswersMost = 4;
constexpr std::size_t kQuestionMost = 1024 * 1024;
constexpr std::uint32_t kReply = 0x80010002;  // version 1 of the binary protocol, type reply

// Empty: there is none.
std::string Receive(int socket, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = ::recv(socket, bytes.data(), size, MSG_WAITALL);
  return count == static_cast<ssize_t>(size) ? bytes : "";
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
    : path_(directory_ / "s"), listener_(ListenOn(path_)), thread_([this] { Serve(); }) {}

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
  if (length.empty()) return;
  const std::size_t size = NumberAt(length, 0);
  if (size < kMessageLeast || size > kQuestionMost) return;
  const std::string question = Receive(socket, size);
  if (question.empty()) return;
  std::string reply = BigEndian(kReply) + Text(MethodOf(question)) + CallNumberOf(question);
  {
    const std::scoped_lock lock(mutex_);
    if (left_-- <= 0) return;
    reply += result_;
  }
  reply = Frame(reply);
  (void)::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL);
}

}  // namespace settle::fuzz
