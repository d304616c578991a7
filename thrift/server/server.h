// A port that speaks framed binary Thrift, of the daemon and of participants alike: a few loops
// serve all connections, with hard limits on what a peer can cost. Several calls of a connection
// may be in progress; they are begun in the order in which they came, and answered in that order. A
// peer that does not keep to the protocol is answered by name where it can still be understood,
// then closed; that is told at a bounded rate.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "channel/live_tls.h"
#include "server/caller.h"
#include "server/complaints.h"
#include "server/frames.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/pool.h"
#include "server/service.h"
#include "server/settings.h"

namespace settle::server {

class Connections;

// How calls in progress are made to end when the server stops. Called on the thread that stops.
struct Interrupts {
  std::function<void()> parked = [] {};  // those that wait for work that someone else does
  std::function<void()> all = [] {};
};

class Server {
 public:
  // The loops and the pool must outlive it, and the loops must run from Start until it is gone.
  Server(const Settings& settings, Loops& loops, Pool& pool, ServicesFor services_for,
         Interrupts interrupts, Complain complain);
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
  struct Port;  // a listener and its event

  void Listen(Port& port);
  void Accept(Port& port);
  std::size_t RoomFor(const Caller& caller) const;
  void Admit(Listener::Accepted accepted, bool encrypted);
  void OnEach(void (Connections::*act)());
  bool AwaitNoneLeft(std::chrono::milliseconds at_most);
  void Gone();

  const Settings settings_;
  Loops& loops_;
  Pool& pool_;
  const ServicesFor services_for_;
  const Interrupts interrupts_;
  Complaints complaints_;
  MemoryBudget budget_;

  std::vector<std::string> addresses_;
  channel::LiveTls* tls_ = nullptr;                        // null: plain
  std::vector<std::unique_ptr<Port>> ports_;               // on the first loop
  std::vector<std::unique_ptr<Connections>> connections_;  // of each loop
  std::size_t next_loop_ = 0;
  bool stopped_ = false;

  std::atomic<std::size_t> places_ = 0;  // taken; until the last call of a connection has ended
  std::mutex mutex_;
  std::condition_variable none_left_;
};

}  // namespace settle::server
