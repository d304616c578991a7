#include "end_to_end/faulty_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace settle::testing {
namespace {

constexpr int kTickMilliseconds = 5;  // how soon a change of mind takes effect

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void SendAtOnce(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

FaultyWire::FaultyWire(std::uint16_t daemon_port)
    : daemon_port_(daemon_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, any, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, any, &size) != 0) {
    throw std::runtime_error("no port for a faulty wire");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

FaultyWire::~FaultyWire() {
  stopping_ = true;
  thread_.join();
  for (const Connection& connection : connections_) Close(connection);
  ::close(listener_);
}

void FaultyWire::Close(const Connection& connection) {
  ::close(connection.program);
  ::close(connection.daemon);
}

void FaultyWire::CutAfter(Toward direction, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  left_[static_cast<int>(direction)] = bytes;
}

bool FaultyWire::SpareTheRest() {
  const std::lock_guard lock(mutex_);
  const bool pending = left_[0] || left_[1];
  left_[0].reset();
  left_[1].reset();
  return pending;
}

void FaultyWire::Cut() {
  for (const Connection& connection : connections_) Close(connection);
  connections_.clear();
  ++cuts_;
}

void FaultyWire::Accept() {
  const int program = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (program < 0) return;
  const int daemon = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(daemon_port_);
  if (::connect(daemon, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Close({program, daemon});
  }
  SendAtOnce(program);
  SendAtOnce(daemon);
  connections_.push_back({program, daemon});
}

bool FaultyWire::Carry(int from, int to, Toward direction) {
  char bytes[65536];
  const ssize_t got = ::recv(from, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  std::size_t carried = static_cast<std::size_t>(got);
  bool cut = false;
  {
    const std::lock_guard lock(mutex_);
    std::optional<std::size_t>& left = left_[static_cast<int>(direction)];
    if (left) {
      cut = carried > *left;
      carried = std::min(carried, *left);
      *left -= carried;
      if (cut) left.reset();
    }
  }
  const bool sent = ::send(to, bytes, carried, MSG_NOSIGNAL) == static_cast<ssize_t>(carried);
  if (cut) Cut();
  return sent && !cut;
}

void FaultyWire::Partition(const std::vector<Toward>& ways) {
  held_ = false;
  for (const Toward way : ways) partitioned_[static_cast<int>(way)] = true;
}

void FaultyWire::Heal() {
  for (auto& partitioned : partitioned_) partitioned = false;
}

pollfd FaultyWire::Watch(int socket, Toward direction) {
  if (!partitioned_[static_cast<int>(direction)]) return {socket, POLLIN, 0};
  int waiting = 0;
  if (::ioctl(socket, FIONREAD, &waiting) == 0 && waiting > 0) held_ = true;
  return {-1, 0, 0};
}

void FaultyWire::Run() {
  while (!stopping_) {
    std::vector<pollfd> sockets{{listener_, POLLIN, 0}};
    for (const Connection& connection : connections_) {
      sockets.push_back(Watch(connection.program, Toward::kDaemon));
      sockets.push_back(Watch(connection.daemon, Toward::kProgram));
    }
    if (::poll(sockets.data(), sockets.size(), kTickMilliseconds) <= 0) continue;
    const int cuts_before = cuts_;
    std::size_t at = 1;
    for (auto one = connections_.begin(); one != connections_.end(); at += 2) {
      if (at >= sockets.size()) break;
      bool open = true;
      if (sockets[at].revents != 0) open = Carry(one->program, one->daemon, Toward::kDaemon);
      if (cuts_ != cuts_before) break;  // there are no connections any more
      if (open && sockets[at + 1].revents != 0) {
        open = Carry(one->daemon, one->program, Toward::kProgram);
      }
      if (cuts_ != cuts_before) break;
      if (!open) Close(*one);
      one = open ? std::next(one) : connections_.erase(one);
    }
    if (sockets[0].revents != 0) Accept();
  }
}

}  // namespace settle::testing
