// A wire between a program and the daemon that can be cut, after any byte, and held up.
#pragma once

#include <poll.h>

#include <atomic>
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
  void CutAfter(Toward direction, std::size_t bytes);
  // Takes back a cut that has not come yet; whether there was one.
  bool SpareTheRest();
  // Carries nothing, one way or both, with every connection open, until Heal: a partition.
  void Partition(const std::vector<Toward>& ways = {Toward::kDaemon, Toward::kProgram});
  void Heal();
  // Whether bytes waited for a partition to heal.
  bool HeldBytes() const { return held_; }

 private:
  struct Connection {
    int program = -1;
    int daemon = -1;
  };

  void Run();
  void Accept();
  // False: the connection is to be closed.
  bool Carry(int from, int to, Toward direction);
  // Of a connection's end whose bytes go `direction`: what to poll.
  pollfd Watch(int socket, Toward direction);
  void Cut();
  static void Close(const Connection& connection);

  const std::uint16_t daemon_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::list<Connection> connections_;  // the thread's own
  std::mutex mutex_;
  std::optional<std::size_t> left_[2];  // until the cut, by direction
  std::atomic<int> cuts_{0};
  std::atomic<bool> partitioned_[2]{false, false};  // by direction
  std::atomic<bool> held_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace settle::testing
