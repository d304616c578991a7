#include "server/server.h"

#include <event2/event.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "server/connections.h"

namespace settle::server {
namespace {

constexpr std::chrono::milliseconds kLastReplies{1'000};  // to send what a cut-off call is told
constexpr timeval kAcceptPause{.tv_sec = 0, .tv_usec = 100'000};
constexpr int kAcceptsInTurn = 64;  // then the loop's connections are looked after

}  // namespace

struct Server::Port {
  struct Freed {
    void operator()(event* one) const { event_free(one); }
  };
  Server& server;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<event, Freed> readable{};
  std::unique_ptr<event, Freed> pause{};
};

Server::Server(const Settings& settings, Loops& loops, Pool& pool, ServicesFor services_for,
               Interrupts interrupts, Complain complain)
    : settings_(settings),
      loops_(loops),
      pool_(pool),
      services_for_(std::move(services_for)),
      interrupts_(std::move(interrupts)),
      complaints_(std::move(complain)),
      budget_(settings.buffered_bytes_max) {}

Server::~Server() { Stop(std::chrono::milliseconds(0)); }

Status Server::Start(const std::vector<SocketAddress>& addresses, channel::LiveTls* tls) {
  std::vector<std::unique_ptr<Port>> ports;
  for (const SocketAddress& address : addresses) {
    Result<std::unique_ptr<Listener>> listener = Listener::Bind(address);
    if (!listener) return Fail(std::move(listener).error());
    ports.push_back(std::make_unique<Port>(Port{*this, *std::move(listener)}));
  }
  for (const auto& port : ports) addresses_.push_back(port->listener->address());
  ports_ = std::move(ports);
  tls_ = tls;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    connections_.push_back(std::make_unique<Connections>(
        loops_[i], Connections::Lent{settings_, services_for_, complaints_, budget_, pool_,
                                     [this] { Gone(); }}));
  }
  loops_[0].Run([this] {
    for (const auto& port : ports_) Listen(*port);
  });
  return {};
}

void Server::Listen(Port& port) {
  event_base* const base = loops_[0].base();
  const auto accept = [](evutil_socket_t, short, void* of) {
    auto& one = *static_cast<Port*>(of);
    one.server.loops_[0].NoteAwake();
    one.server.Accept(one);
  };
  const auto go_on = [](evutil_socket_t, short, void* of) {
    event_add(static_cast<Port*>(of)->readable.get(), nullptr);
  };
  port.readable.reset(
      event_new(base, port.listener->socket(), EV_READ | EV_PERSIST, accept, &port));
  port.pause.reset(evtimer_new(base, go_on, &port));
  event_add(port.readable.get(), nullptr);
}

// Out of descriptors or memory: the pending connection stays readable, and asking for it again at
// once would spin.
void Server::Accept(Port& port) {
  std::string why;
  try {
    for (int i = 0; i < kAcceptsInTurn; ++i) {
      Listener::Accepted accepted = port.listener->Accept();
      if (accepted.socket >= 0) {
        Admit(std::move(accepted), tls_ != nullptr && !port.listener->is_unix());
      } else if (errno != EINTR && errno != ECONNABORTED) {
        if (errno == EAGAIN) return;
        why = std::strerror(errno);
        break;
      }
    }
  } catch (const std::exception& error) {  // must not reach libevent, which is written in C
    why = error.what();
  }
  if (why.empty()) return;
  complaints_.Say("an accept failed and is tried again: " + why);
  event_del(port.readable.get());
  event_add(port.pause.get(), &kAcceptPause);
}

// Whoever reaches the network must not keep out who is on this machine: a server that listens on a
// Unix socket as well keeps some places for it.
std::size_t Server::RoomFor(const Caller& caller) const {
  constexpr std::size_t kForUnix = 16;
  const bool for_unix = std::any_of(ports_.begin(), ports_.end(),
                                    [](const auto& port) { return port->listener->is_unix(); });
  const std::size_t all = settings_.connections_max;
  if (!for_unix || caller.proof == Caller::Proof::kUnixPeer) return all;
  return all - std::min(kForUnix, all / 8);
}

// Only here are places taken.
void Server::Admit(Listener::Accepted accepted, bool encrypted) {
  const std::size_t most = RoomFor(accepted.caller);
  if (places_ >= most) {
    complaints_.Say("a connection was closed: all " + std::to_string(most) + " are in use");
    ::close(accepted.socket);
    return;
  }
  ++places_;
  Connections& taking = *connections_[next_loop_++ % connections_.size()];
  taking.loop().Post(
      [&taking, socket = accepted.socket, caller = std::move(accepted.caller),
       tls = encrypted ? tls_->Current() : nullptr] { taking.Admit(socket, tls, caller); });
}

void Server::Gone() {
  const std::scoped_lock lock(mutex_);
  if (--places_ == 0) none_left_.notify_all();
}

void Server::OnEach(void (Connections::*act)()) {
  for (const auto& connections : connections_)
    connections->loop().Run([&] { ((*connections).*act)(); });
}

bool Server::AwaitNoneLeft(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return none_left_.wait_for(lock, at_most, [this] { return places_ == 0; });
}

void Server::Stop(std::chrono::milliseconds patience) {
  if (connections_.empty() || std::exchange(stopped_, true)) return;
  loops_[0].Run([this] { ports_.clear(); });
  OnEach(&Connections::EndAll);
  interrupts_.parked();
  if (!AwaitNoneLeft(patience)) {
    interrupts_.all();
    if (!AwaitNoneLeft(kLastReplies)) {
      OnEach(&Connections::CloseAll);
      std::unique_lock lock(mutex_);
      none_left_.wait(lock, [this] { return places_ == 0; });
    }
  }
  OnEach(&Connections::EndAll);  // the round in which the last one went is over
}

}  // namespace settle::server
