#include "server/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "server/dispatch.h"

namespace settle::server {
namespace {

constexpr int kBacklog = 1024;
constexpr std::chrono::milliseconds kLastReplies{1'000};  // to send what a cut-off call is told

Result<int> BindAndListen(const SocketAddress& address) {
  const auto failed = [&](const char* step, int error) {
    return Fail(ErrorCode::kUnavailable,
                "cannot listen on " + address.text() + ": " + step + ": " + std::strerror(error),
                error == EADDRINUSE ? "another program listens there: choose another port" : "");
  };
  const int listener =
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return failed("socket", errno);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const char* step = "bind";
  int result =
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address.storage), address.length);
  if (result == 0) {
    step = "listen";
    result = ::listen(listener, kBacklog);
  }
  if (result != 0) {
    const int error = errno;
    ::close(listener);
    return failed(step, error);
  }
  return listener;
}

std::string BoundAddress(int listener) {
  SocketAddress bound;
  bound.length = sizeof(bound.storage);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length);
  return bound.text();
}

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

Status Server::Start(const SocketAddress& address) {
  const Result<int> listener = BindAndListen(address);
  if (!listener) return Fail(listener.error());
  listener_ = *listener;
  stop_event_ = ::eventfd(0, EFD_CLOEXEC);
  if (stop_event_ < 0) {
    const int error = errno;
    ::close(std::exchange(listener_, -1));
    return Fail(ErrorCode::kUnavailable,
                std::string("cannot listen: eventfd: ") + std::strerror(error));
  }
  address_ = BoundAddress(listener_);
  acceptor_ = std::thread([this] { AcceptLoop(); });
  return {};
}

void Server::AcceptLoop() {
  for (;;) {
    pollfd entries[] = {{listener_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
    ::poll(entries, 2, -1);
    if (entries[1].revents != 0) return;
    SocketAddress peer;
    peer.length = sizeof(peer.storage);
    const int socket = ::accept4(listener_, reinterpret_cast<sockaddr*>(&peer.storage),
                                 &peer.length, SOCK_CLOEXEC);
    if (socket >= 0) {
      Admit(socket, {.address = peer.text()});
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      complaints_.Say(std::string("connections cannot be accepted for now: ") +
                      std::strerror(errno));
      PauseAccepting();
    }
    JoinRetired();
  }
}

// Out of descriptors or memory: the pending connection stays readable, and asking for it again at
// once would spin.
void Server::PauseAccepting() {
  pollfd stop{stop_event_, POLLIN, 0};
  ::poll(&stop, 1, 100);
}

void Server::Admit(int socket, Caller caller) {
  const std::scoped_lock lock(mutex_);
  if (stopping_ || serving_.size() >= settings_.connections_max) {
    complaints_.Say("a connection was closed: all " + std::to_string(settings_.connections_max) +
                    " are in use");
    ::close(socket);
    return;
  }
  serving_.push_back(std::make_unique<Connection>());
  serving_.back()->caller = std::move(caller);
  serving_.back()->frames.emplace(socket, settings_.frame, budget_);
  const auto self = std::prev(serving_.end());
  try {
    (*self)->thread = std::thread([this, self] { ServeAndRetire(self); });
  } catch (const std::system_error& error) {
    complaints_.Say(std::string("a connection was closed: no thread for it: ") + error.what());
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

void Server::Serve(FrameSocket& frames, const Caller& caller) {
  const std::shared_ptr<apache::thrift::TProcessor> processor = processor_for_(caller);
  Dispatch dispatch(*processor, settings_.string_bytes_max, settings_.container_items_max,
                    settings_.frame.frame_bytes_max);
  for (;;) {
    const Result<std::span<std::uint8_t>> frame = frames.Read();
    if (!frame) {
      if (frame.error().code != ErrorCode::kUnavailable) {
        complaints_.Say("a connection was closed: " + Describe(frame.error()));
      }
      return;
    }
    const Dispatch::Answer answer = dispatch.Process(*frame);
    if (Status sent = frames.Write(answer.bytes); !sent) {
      if (sent.error().code != ErrorCode::kUnavailable) {
        complaints_.Say("a connection was closed: " + Describe(sent.error()));
      }
      return;
    }
    if (!answer.complaint.empty()) {
      complaints_.Say("a connection was closed: " + answer.complaint);
      return;
    }
    if (stopping_) return;
  }
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
  ::close(std::exchange(listener_, -1));

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
