// A wire between a program and the daemon, or between any two that speak over TCP, that can be cut
// after any byte, closed one way, slowed down and held up.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace settle::testing {

enum class Toward { kDaemon, kProgram };

// Thread-safe.
class FaultyWire {
 public:
  // Listens on a free port of 127.0.0.1; each connection is carried to `daemon_port` there. Throws
  // std::runtime_error.
  explicit FaultyWire(std::uint16_t daemon_port);
  ~FaultyWire();
  FaultyWire(const FaultyWire&) = delete;
  FaultyWire& operator=(const FaultyWire&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Carries that many more bytes in that direction, all connections together, then cuts them all,
  // once.
  void CutAfter(Toward direction, std::size_t bytes) { End(direction, bytes, How::kCut); }
  // The same, but only that direction of the connection that would have carried the next byte is
  // over, as after a shutdown(2) in the middle of a message; the other one goes on.
  void HalfCloseAfter(Toward direction, std::size_t bytes) {
    End(direction, bytes, How::kHalfClose);
  }
  // Takes back a cut that has not come yet; whether there was one.
  bool SpareTheRest();
  bool IsCutPending();
  // How many bytes there have been in that direction, all connections together.
  std::size_t Carried(Toward direction) const { return carried_[static_cast<int>(direction)]; }
  // From now on each read of that direction is carried so long after it could be, and is at most so
  // many bytes: a delay, or one byte at a time.
  void Slow(Toward direction, std::chrono::milliseconds pause, std::size_t bytes_most = 65536);
  // Carries nothing, one way or both, with every connection open, until Heal: a partition.
  void Partition(const std::vector<Toward>& ways = {Toward::kDaemon, Toward::kProgram});
  // Lets nobody through until Heal: every connection is cut, and each new one at once.
  void Sever() { severed_ = true; }
  void Heal();
  // Whether bytes waited for a partition to heal.
  bool HeldBytes() const { return held_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class How { kCut, kHalfClose };
  struct Connection {
    int program = -1;
    int daemon = -1;
    bool closed[2] = {false, false};  // by direction: nothing is carried there any more
    std::optional<Clock::time_point> due[2] = {};  // when what has come is carried
  };
  struct Pace {
    std::chrono::milliseconds pause{0};
    std::size_t bytes_most = 65536;
  };

  void Run();
  void Accept();
  void End(Toward direction, std::size_t bytes, How how);
  // False: the connection is to be closed.
  bool Carry(Connection& connection, Toward direction);
  // Whether it is time to carry what has come.
  bool IsDue(Connection& connection, Toward direction);
  // Of a connection's end whose bytes go `direction`: what to poll.
  pollfd Watch(const Connection& connection, Toward direction);
  void Cut();
  static void Close(const Connection& connection);

  const std::uint16_t daemon_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::list<Connection> connections_;  // the thread's own
  std::mutex mutex_;
  std::optional<std::size_t> left_[2];  // until the cut, by direction
  How how_ = How::kCut;
  Pace paces_[2];
  std::atomic<std::size_t> carried_[2]{0, 0};
  std::atomic<int> cuts_{0};
  std::atomic<bool> partitioned_[2]{false, false};  // by direction
  std::atomic<bool> held_{false};
  std::atomic<bool> severed_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace settle::testing
