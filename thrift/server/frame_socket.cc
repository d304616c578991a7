#include "server/frame_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace settle::server {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kSmallBuffer =
    16 * 1024;  // what a connection holds without asking the budget

std::string ErrnoText() { return std::strerror(errno); }

std::string Seconds(std::chrono::milliseconds time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() % 1000 / 100) +
         " s";
}

}  // namespace

bool MemoryBudget::Take(std::size_t bytes) {
  const auto wanted = static_cast<std::int64_t>(bytes);
  if (left_.fetch_sub(wanted) >= wanted) return true;
  left_.fetch_add(wanted);
  return false;
}

FrameSocket::FrameSocket(int socket, const FrameLimits& limits, MemoryBudget& budget)
    : socket_(socket), limits_(limits), budget_(budget) {
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  LimitIdle(limits_.io_timeout);
}

FrameSocket::~FrameSocket() {
  ::close(socket_);
  budget_.Give(budgeted_);
}

Result<std::span<std::uint8_t>> FrameSocket::Read() {
  DropLastFrame();
  if (buffered() == 0) {
    if (Status first = WaitForFirstByte(); !first) return Fail(first.error());
  }
  const Deadline deadline = std::chrono::steady_clock::now() + limits_.io_timeout;
  for (;;) {
    const Result<std::size_t> length = FrameLength();
    if (!length) return Fail(length.error());
    if (*length > 0 && buffered() >= kLengthBytes + *length) {
      if (!greeted_) LimitIdle(limits_.idle_timeout);
      greeted_ = true;
      last_frame_ = kLengthBytes + *length;
      return std::span(buffer_).subspan(begin_ + kLengthBytes, *length);
    }
    if (Status room = MakeRoom(kLengthBytes + *length); !room) return Fail(room.error());
    if (Status more = WaitForMore(deadline); !more) return Fail(more.error());
  }
}

void FrameSocket::DropLastFrame() {
  begin_ += last_frame_;
  last_frame_ = 0;
  if (buffered() > 0) return;
  begin_ = end_ = 0;
  if (budgeted_ == 0) return;
  std::vector<std::uint8_t>(kSmallBuffer).swap(buffer_);
  budget_.Give(budgeted_);
  budgeted_ = 0;
}

Result<std::size_t> FrameSocket::FrameLength() const {
  if (buffered() < kLengthBytes) return 0;
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | buffer_[begin_ + i];
  if (length == 0 || length > limits_.frame_bytes_max) {
    return Fail(ErrorCode::kInvalid,
                "a frame of " + std::to_string(length) + " bytes was announced, 1 to " +
                    std::to_string(limits_.frame_bytes_max) + " are allowed",
                "is the peer speaking framed binary Thrift without TLS?");
  }
  return length;
}

// Room for at least one more byte of a frame of so many, its length's four included.
Status FrameSocket::MakeRoom(std::size_t frame_bytes) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ < buffer_.size()) return {};
  // Doubling: a peer has to send what it wants us to hold.
  const std::size_t size =
      std::min(std::max(kSmallBuffer, 2 * buffer_.size()), std::max(kSmallBuffer, frame_bytes));
  const std::size_t beyond = size > kSmallBuffer ? size - budgeted_ : 0;
  if (!budget_.Take(beyond)) {
    return Fail(ErrorCode::kRefused, "the memory for large frames of all connections is used up",
                "send smaller batches");
  }
  budgeted_ += beyond;
  buffer_.resize(size);
  return {};
}

Status FrameSocket::WaitForFirstByte() {
  if (Status room = MakeRoom(0); !room) return room;
  for (;;) {
    // Blocks by SO_RCVTIMEO: one system call fetches the whole of a usual frame.
    const ssize_t count = ::recv(socket_, buffer_.data() + end_, buffer_.size() - end_, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return Fail(
          ErrorCode::kUnavailable,
          "nothing came for " + Seconds(greeted_ ? limits_.idle_timeout : limits_.io_timeout));
    }
    return TakeReceived(count);
  }
}

Status FrameSocket::WaitForMore(Deadline deadline) {
  for (;;) {
    const ssize_t count =
        ::recv(socket_, buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
    const bool must_wait = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (must_wait || std::chrono::steady_clock::now() >= deadline) {
      if (Status ready = WaitFor(POLLIN, deadline); !ready) return ready;
    }
    if (must_wait || (count < 0 && errno == EINTR)) continue;
    return TakeReceived(count);
  }
}

Status FrameSocket::WaitFor(short what, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{socket_, what, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno == EINTR) continue;
    return Fail(ErrorCode::kInvalid,
                std::string(what == POLLIN ? "a frame was not whole" : "a reply was not taken") +
                    " within " + Seconds(limits_.io_timeout));
  }
}

Status FrameSocket::TakeReceived(long count) {
  if (count < 0) return Fail(ErrorCode::kUnavailable, "the connection broke: " + ErrnoText());
  if (count == 0 && buffered() > 0)
    return Fail(ErrorCode::kInvalid, "the peer closed inside a frame");
  if (count == 0) return Fail(ErrorCode::kUnavailable, "the peer closed");
  end_ += static_cast<std::size_t>(count);
  return {};
}

Status FrameSocket::Write(std::span<const std::uint8_t> bytes) {
  const Deadline deadline = std::chrono::steady_clock::now() + limits_.io_timeout;
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return Fail(ErrorCode::kUnavailable, "the connection broke: " + ErrnoText());
    }
    if (bytes.empty()) break;
    if (Status ready = WaitFor(POLLOUT, deadline); !ready) return ready;
  }
  return {};
}

void FrameSocket::Interrupt() { ::shutdown(socket_, SHUT_RD); }

void FrameSocket::Cut() { ::shutdown(socket_, SHUT_RDWR); }

void FrameSocket::LimitIdle(std::chrono::milliseconds limit) {
  timeval time{};
  time.tv_sec = limit.count() / 1000;
  time.tv_usec = limit.count() % 1000 * 1000;
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

}  // namespace settle::server
