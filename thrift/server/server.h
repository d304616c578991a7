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

#include "server/caller.h"
#include "server/complaints.h"
#include "server/frame_socket.h"
#include "server/listen_address.h"

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

  // Binds exactly this address and serves from now on; once. kUnavailable says what stands in the
  // way.
  [[nodiscard]] Status Start(const SocketAddress& address);

  // The address bound, with the port that was really taken.
  const std::string& address() const { return address_; }

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
  void Admit(int socket, Caller caller);
  void ServeAndRetire(Connections::iterator self);
  void Serve(FrameSocket& frames, const Caller& caller);
  void JoinRetired();
  void PauseAccepting();

  const Settings settings_;
  const ProcessorFor processor_for_;
  const Interrupts interrupts_;
  Complaints complaints_;
  MemoryBudget budget_;

  std::string address_;
  int listener_ = -1;
  int stop_event_ = -1;  // readable once stopping
  std::thread acceptor_;

  std::mutex mutex_;
  std::condition_variable retired_one_;
  std::atomic<bool> stopping_ = false;  // set under the mutex
  Connections serving_;
  Connections retired_;  // ended by themselves; their threads are to be joined
};

}  // namespace settle::server
