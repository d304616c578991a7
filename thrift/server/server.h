// A port that speaks framed binary Thrift, of the daemon and of participants alike: a thread for
// each connection (measured twice as fast as a queue in front of workers), and hard limits on what
// a peer can cost. A peer that does not keep to the protocol is answered by name where it can still
// be understood, then closed; that is told at a bounded rate.
#pragma once

#include <thrift/TProcessor.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "channel/live_tls.h"
#include "server/caller.h"
#include "server/complaints.h"
#include "server/frame_socket.h"
#include "server/listener.h"

namespace settle::server {

struct Settings {
  std::size_t connections_max = 4'000;  // more are closed at once
  FrameLimits frame;
  std::size_t buffered_bytes_max = 256 * 1024 * 1024;  // of large frames, all connections together
  std::int32_t string_bytes_max = 1024 * 1024;         // of one string in a call
  std::int32_t container_items_max = 10'000;           // of one list or map in a call
};

// How calls in progress are made to end when the server stops. Called on the thread that stops.
struct Interrupts {
  std::function<void()> parked = [] {};  // those that wait for work that someone else does
  std::function<void()> all = [] {};
};

// What serves the calls of one connection. Called once for each, on its thread, before its first
// call; what it makes is used by that thread alone.
using ProcessorFor = std::function<std::shared_ptr<apache::thrift::TProcessor>(const Caller&)>;

class Server {
 public:
  Server(const Settings& settings, ProcessorFor processor_for, Interrupts interrupts,
         Complain complain);
  ~Server();  // stops without patience
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds exactly these addresses and serves from now on; once. kUnavailable says what stands in
  // the way of which; then none is served. With `tls`, which must outlive this, every TCP address
  // speaks TLS and nothing else; a Unix socket never does: the kernel says who is there.
  [[nodiscard]] Status Start(const std::vector<SocketAddress>& addresses,
                             channel::LiveTls* tls = nullptr);

  // The addresses bound, with the ports that were really taken, in their order.
  const std::vector<std::string>& addresses() const { return addresses_; }
  // The first.
  const std::string& address() const { return addresses_.front(); }

  // Accepts no more, ends parked calls at once and gives the others so long to be answered, then
  // interrupts all and cuts their connections off. Blocking; returns when no call is left.
  void Stop(std::chrono::milliseconds patience);

 private:
  struct Connection {
    Caller caller;
    std::optional<FrameSocket> frames;  // none once retired
    std::thread thread;
  };
  using Connections = std::list<std::unique_ptr<Connection>>;

  void AcceptLoop();
  void Accept(const Listener& listener);
  std::size_t RoomFor(const Caller& caller) const;
  void Admit(int socket, std::shared_ptr<const channel::TlsMaterial> tls, Caller caller);
  void ServeAndRetire(Connections::iterator self);
  void Serve(FrameSocket& frames, Caller& caller);
  void Closed(const Caller& caller, const Error& why);
  void JoinRetired();
  void PauseAccepting();

  const Settings settings_;
  const ProcessorFor processor_for_;
  const Interrupts interrupts_;
  Complaints complaints_;
  MemoryBudget budget_;

  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  channel::LiveTls* tls_ = nullptr;  // null: plain
  int stop_event_ = -1;              // readable once stopping
  std::thread acceptor_;

  std::mutex mutex_;
  std::condition_variable retired_one_;
  std::atomic<bool> stopping_ = false;  // set under the mutex
  Connections serving_;
  Connections retired_;  // ended by themselves; their threads are to be joined
};

}  // namespace settle::server
