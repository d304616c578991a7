#include "support/faulty_wire.h"

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

void FaultyWire::End(Toward direction, std::size_t bytes, How how) {
  const std::lock_guard lock(mutex_);
  left_[static_cast<int>(direction)] = bytes;
  how_ = how;
}

bool FaultyWire::IsCutPending() {
  const std::lock_guard lock(mutex_);
  return left_[0] || left_[1];
}

void FaultyWire::Slow(Toward direction, std::chrono::milliseconds pause, std::size_t bytes_most) {
  const std::lock_guard lock(mutex_);
  paces_[static_cast<int>(direction)] = {pause, bytes_most};
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
  if (severed_) {
    ::close(program);
    return;
  }
  const int daemon = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(daemon_port_);
  if (::connect(daemon, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Close({.program = program, .daemon = daemon});
  }
  SendAtOnce(program);
  SendAtOnce(daemon);
  connections_.push_back({.program = program, .daemon = daemon});
}

bool FaultyWire::IsDue(Connection& connection, Toward direction) {
  const std::lock_guard lock(mutex_);
  const Pace& pace = paces_[static_cast<int>(direction)];
  std::optional<Clock::time_point>& due = connection.due[static_cast<int>(direction)];
  if (!due) due = Clock::now() + pace.pause;
  if (Clock::now() < *due) return false;
  due.reset();
  return true;
}

bool FaultyWire::Carry(Connection& connection, Toward direction) {
  const bool to_daemon = direction == Toward::kDaemon;
  const int from = to_daemon ? connection.program : connection.daemon;
  const int to = to_daemon ? connection.daemon : connection.program;
  const int way = static_cast<int>(direction);
  std::unique_lock lock(mutex_);
  char bytes[65536];
  const ssize_t got = ::recv(from, bytes, std::min(paces_[way].bytes_most, sizeof bytes), 0);
  if (got <= 0) return false;
  std::size_t carried = static_cast<std::size_t>(got);
  bool ends = false;
  std::optional<std::size_t>& left = left_[way];
  if (left) {
    ends = carried > *left;
    carried = std::min(carried, *left);
    *left -= carried;
    if (ends) left.reset();
  }
  const How how = how_;
  lock.unlock();
  carried_[way] += carried;
  const bool sent = ::send(to, bytes, carried, MSG_NOSIGNAL) == static_cast<ssize_t>(carried);
  if (ends && how == How::kHalfClose) {
    ::shutdown(to, SHUT_WR);
    connection.closed[way] = true;
    return true;
  }
  if (ends) Cut();
  return sent && !ends;
}

void FaultyWire::Partition(const std::vector<Toward>& ways) {
  held_ = false;
  for (const Toward way : ways) partitioned_[static_cast<int>(way)] = true;
}

void FaultyWire::Heal() {
  severed_ = false;
  for (auto& partitioned : partitioned_) partitioned = false;
}

pollfd FaultyWire::Watch(const Connection& connection, Toward direction) {
  const int way = static_cast<int>(direction);
  const int socket = direction == Toward::kDaemon ? connection.program : connection.daemon;
  if (connection.closed[way]) return {-1, 0, 0};
  // What has come and is not due yet is looked at again at the next tick.
  if (connection.due[way] && Clock::now() < *connection.due[way]) return {-1, 0, 0};
  if (!partitioned_[way]) return {socket, POLLIN, 0};
  int waiting = 0;
  if (::ioctl(socket, FIONREAD, &waiting) == 0 && waiting > 0) held_ = true;
  return {-1, 0, 0};
}

void FaultyWire::Run() {
  while (!stopping_) {
    if (severed_) Cut();
    std::vector<pollfd> sockets{{listener_, POLLIN, 0}};
    for (const Connection& connection : connections_) {
      sockets.push_back(Watch(connection, Toward::kDaemon));
      sockets.push_back(Watch(connection, Toward::kProgram));
    }
    if (::poll(sockets.data(), sockets.size(), kTickMilliseconds) <= 0) continue;
    const int cuts_before = cuts_;
    std::size_t at = 1;
    for (auto one = connections_.begin(); one != connections_.end(); at += 2) {
      if (at >= sockets.size()) break;
      bool open = true;
      for (const Toward direction : {Toward::kDaemon, Toward::kProgram}) {
        const bool ready = sockets[at + static_cast<std::size_t>(direction)].revents != 0;
        if (open && ready && IsDue(*one, direction)) open = Carry(*one, direction);
        if (cuts_ != cuts_before) break;  // there are no connections any more
      }
      if (cuts_ != cuts_before) break;
      if (!open) Close(*one);
      one = open ? std::next(one) : connections_.erase(one);
    }
    if (sockets[0].revents != 0) Accept();
  }
}

}  // namespace settle::testing
