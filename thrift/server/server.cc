#include "server/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "server/dispatch.h"

namespace settle::server {
namespace {

constexpr std::chrono::milliseconds kLastReplies{1'000};  // to send what a cut-off call is told

}  // namespace

Server::Server(const Settings& settings, ProcessorFor processor_for, Interrupts interrupts,
               Complain complain)
    : settings_(settings),
      processor_for_(std::move(processor_for)),
      interrupts_(std::move(interrupts)),
      complaints_(std::move(complain)),
      budget_(settings.buffered_bytes_max) {}

Server::~Server() {
  Stop(std::chrono::milliseconds(0));
  if (stop_event_ >= 0) ::close(stop_event_);
}

Status Server::Start(const std::vector<SocketAddress>& addresses, channel::LiveTls* tls) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const SocketAddress& address : addresses) {
    Result<std::unique_ptr<Listener>> listener = Listener::Bind(address);
    if (!listener) return Fail(std::move(listener).error());
    listeners.push_back(*std::move(listener));
  }
  stop_event_ = ::eventfd(0, EFD_CLOEXEC);
  if (stop_event_ < 0) {
    return Fail(ErrorCode::kUnavailable,
                std::string("cannot listen: eventfd: ") + std::strerror(errno));
  }
  for (const auto& listener : listeners) addresses_.push_back(listener->address());
  listeners_ = std::move(listeners);
  tls_ = tls;
  acceptor_ = std::thread([this] { AcceptLoop(); });
  return {};
}

void Server::AcceptLoop() {
  std::vector<pollfd> entries{{stop_event_, POLLIN, 0}};
  for (const auto& listener : listeners_) entries.push_back({listener->socket(), POLLIN, 0});
  for (;;) {
    ::poll(entries.data(), entries.size(), -1);
    if (entries[0].revents != 0) return;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (entries[i + 1].revents != 0) Accept(*listeners_[i]);
    }
    JoinRetired();
  }
}

void Server::Accept(const Listener& listener) {
  Listener::Accepted accepted = listener.Accept();
  if (accepted.socket >= 0) {
    const bool encrypted = tls_ != nullptr && !listener.is_unix();
    Admit(accepted.socket, encrypted ? tls_->Current() : nullptr, std::move(accepted.caller));
  } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
    complaints_.Say(std::string("connections cannot be accepted for now: ") + std::strerror(errno));
    PauseAccepting();
  }
}

// Out of descriptors or memory: the pending connection stays readable, and asking for it again at
// once would spin.
void Server::PauseAccepting() {
  pollfd stop{stop_event_, POLLIN, 0};
  ::poll(&stop, 1, 100);
}

// Whoever reaches the network must not keep out who is on this machine: a server that listens on a
// Unix socket as well keeps some places for it.
std::size_t Server::RoomFor(const Caller& caller) const {
  constexpr std::size_t kForUnix = 16;
  const bool for_unix = std::any_of(listeners_.begin(), listeners_.end(),
                                    [](const auto& listener) { return listener->is_unix(); });
  const std::size_t all = settings_.connections_max;
  if (!for_unix || caller.proof == Caller::Proof::kUnixPeer) return all;
  return all - std::min(kForUnix, all / 8);
}

void Server::Admit(int socket, std::shared_ptr<const channel::TlsMaterial> tls, Caller caller) {
  const std::scoped_lock lock(mutex_);
  const std::size_t most = RoomFor(caller);
  if (stopping_ || serving_.size() >= most) {
    complaints_.Say("a connection was closed: all " + std::to_string(most) + " are in use");
    ::close(socket);
    return;
  }
  serving_.push_back(std::make_unique<Connection>());
  serving_.back()->caller = std::move(caller);
  const auto self = std::prev(serving_.end());
  try {
    (*self)->frames.emplace(socket, std::move(tls), settings_.frame, budget_);
    (*self)->thread = std::thread([this, self] { ServeAndRetire(self); });
  } catch (const std::exception& error) {
    complaints_.Say(std::string("a connection was closed: no thread or memory for it: ") +
                    error.what());
    serving_.erase(self);
  }
}

void Server::ServeAndRetire(Connections::iterator self) {
  try {
    Serve(*(*self)->frames, (*self)->caller);
  } catch (const std::exception& error) {
    complaints_.Say(std::string("a connection was closed: ") + error.what());
  }
  const std::scoped_lock lock(mutex_);
  (*self)->frames.reset();  // descriptor and memory are free now; the thread is joined at the next
                            // chance
  retired_.splice(retired_.end(), serving_, self);
  retired_one_.notify_all();
}

void Server::Serve(FrameSocket& frames, Caller& caller) {
  if (Status greeted = frames.Handshake(); !greeted) return Closed(caller, greeted.error());
  if (frames.encrypted()) {
    caller.proof = Caller::Proof::kCertificate;
    caller.names = frames.peer_names();
  }
  const std::shared_ptr<apache::thrift::TProcessor> processor = processor_for_(caller);
  Dispatch dispatch(*processor, settings_.string_bytes_max, settings_.container_items_max,
                    settings_.frame.frame_bytes_max);
  for (;;) {
    const Result<std::span<std::uint8_t>> frame = frames.Read();
    if (!frame) return Closed(caller, frame.error());
    const Dispatch::Answer answer = dispatch.Process(*frame);
    if (Status sent = frames.Write(answer.bytes); !sent) return Closed(caller, sent.error());
    if (!answer.complaint.empty()) {
      return Closed(caller, {ErrorCode::kInvalid, answer.complaint, {}});
    }
    if (stopping_) return;
  }
}

// That a peer is gone is nothing to complain of.
void Server::Closed(const Caller& caller, const Error& why) {
  if (why.code == ErrorCode::kUnavailable) return;
  complaints_.Say("a connection was closed: " + caller.text() + ": " + Describe(why));
}

void Server::JoinRetired() {
  Connections retired;
  {
    const std::scoped_lock lock(mutex_);
    retired.swap(retired_);
  }
  for (const auto& connection : retired) connection->thread.join();
}

void Server::Stop(std::chrono::milliseconds patience) {
  if (!acceptor_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_event_, &one, sizeof(one));
  acceptor_.join();
  listeners_.clear();

  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (const auto& connection : serving_) connection->frames->Interrupt();
  interrupts_.parked();
  const auto none_left = [this] { return serving_.empty(); };
  if (!retired_one_.wait_for(lock, patience, none_left)) {
    interrupts_.all();
    if (!retired_one_.wait_for(lock, kLastReplies, none_left)) {
      for (const auto& connection : serving_) connection->frames->Cut();
      retired_one_.wait(lock, none_left);
    }
  }
  lock.unlock();
  JoinRetired();
}

}  // namespace settle::server
