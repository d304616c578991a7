#include "server/frame_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

namespace settle::server {
namespace {

using channel::Step;

constexpr std::size_t kLengthBytes = 4;
constexpr std::chrono::milliseconds kFarewell{1'000};
constexpr std::size_t kSmallBuffer =
    16 * 1024;  // what a connection holds without asking the budget

// The first bytes of a client's hello: a handshake record of version 3.x.
bool LooksLikeTls(std::uint32_t length) { return length >> 16 == 0x1603; }

std::string Seconds(std::chrono::milliseconds time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() % 1000 / 100) +
         " s";
}

bool Over(std::chrono::steady_clock::time_point deadline) {
  return std::chrono::steady_clock::now() >= deadline;
}

}  // namespace

bool MemoryBudget::Take(std::size_t bytes) {
  const auto wanted = static_cast<std::int64_t>(bytes);
  if (left_.fetch_sub(wanted) >= wanted) return true;
  left_.fetch_add(wanted);
  return false;
}

FrameSocket::FrameSocket(int socket, std::shared_ptr<const channel::TlsMaterial> tls,
                         const FrameLimits& limits, MemoryBudget& budget)
    : channel_(socket, std::move(tls)), limits_(limits), budget_(budget) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  LimitIdle(limits_.io_timeout);
}

FrameSocket::~FrameSocket() { budget_.Give(budgeted_); }

Status FrameSocket::Handshake() {
  if (!channel_.encrypted()) return {};
  const Deadline deadline = std::chrono::steady_clock::now() + limits_.io_timeout;
  for (;;) {
    const Step step = channel_.Handshake();
    if (step.kind == Step::Kind::kMoved) return {};
    if (step.kind == Step::Kind::kClosed) {
      return Fail(ErrorCode::kUnavailable, "the peer closed during the TLS handshake");
    }
    if (step.kind == Step::Kind::kBroken) {
      LetItHearWhy();
      return Fail(ErrorCode::kInvalid, channel_.why());
    }
    if (!Poll(step.kind, deadline)) {
      return Fail(ErrorCode::kInvalid,
                  "a TLS handshake was not done within " + Seconds(limits_.io_timeout));
    }
  }
}

// Closed at once, what it sent meanwhile would have the kernel reset the connection, and the alert
// that names the reason might be lost.
void FrameSocket::LetItHearWhy() {
  ::shutdown(channel_.socket(), SHUT_WR);
  const Deadline deadline = std::chrono::steady_clock::now() + kFarewell;
  std::array<std::uint8_t, 4096> unread{};
  while (Poll(Step::Kind::kWantsRead, deadline)) {
    if (::recv(channel_.socket(), unread.data(), unread.size(), MSG_DONTWAIT) <= 0) return;
  }
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
                LooksLikeTls(length) ? "it speaks TLS, and this address is a plain one"
                                     : "is the peer speaking framed binary Thrift?");
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
  // A plain channel blocks by SO_RCVTIMEO: one system call fetches the whole of a usual frame.
  Step step = channel_.ReceiveWaiting(room());
  if (!step.waits()) return TakeReceived(step);
  const std::chrono::milliseconds limit = greeted_ ? limits_.idle_timeout : limits_.io_timeout;
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  while (channel_.encrypted() && step.waits() && Poll(step.kind, deadline)) {
    step = channel_.Receive(room());
  }
  if (!step.waits()) return TakeReceived(step);
  return Fail(ErrorCode::kUnavailable, "nothing came for " + Seconds(limit));
}

Status FrameSocket::WaitForMore(Deadline deadline) {
  for (;;) {
    const Step step = channel_.Receive(room());
    if (step.waits() || std::chrono::steady_clock::now() >= deadline) {
      if (!Poll(step.waits() ? step.kind : Step::Kind::kWantsRead, deadline)) {
        return Fail(ErrorCode::kInvalid,
                    "a frame was not whole within " + Seconds(limits_.io_timeout));
      }
    }
    if (!step.waits()) return TakeReceived(step);
  }
}

bool FrameSocket::Poll(Step::Kind what, Deadline deadline) {
  const short events = what == Step::Kind::kWantsWrite ? POLLOUT : POLLIN;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{channel_.socket(), events, 0};
    if (::poll(&entry, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

Status FrameSocket::TakeReceived(const Step& step) {
  if (step.kind == Step::Kind::kBroken) {
    return Fail(ErrorCode::kUnavailable, "the connection broke: " + channel_.why());
  }
  if (step.kind == Step::Kind::kClosed) {
    if (buffered() > 0) return Fail(ErrorCode::kInvalid, "the peer closed inside a frame");
    return Fail(ErrorCode::kUnavailable, "the peer closed");
  }
  end_ += step.bytes;
  return {};
}

Status FrameSocket::Write(std::span<const std::uint8_t> bytes) {
  const Deadline deadline = std::chrono::steady_clock::now() + limits_.io_timeout;
  while (!bytes.empty()) {
    const Step step = channel_.Send(bytes);
    if (step.kind == Step::Kind::kClosed) return Fail(ErrorCode::kUnavailable, "the peer closed");
    if (step.kind == Step::Kind::kBroken) {
      return Fail(ErrorCode::kUnavailable, "the connection broke: " + channel_.why());
    }
    bytes = bytes.subspan(step.bytes);
    // A send that was cut short says that there is no room for more, but TLS moves a record a step.
    if (bytes.empty() || (channel_.encrypted() && !step.waits() && !Over(deadline))) continue;
    if (!Poll(step.kind == Step::Kind::kWantsRead ? step.kind : Step::Kind::kWantsWrite,
              deadline)) {
      return Fail(ErrorCode::kInvalid,
                  "a reply was not taken within " + Seconds(limits_.io_timeout));
    }
  }
  return {};
}

void FrameSocket::Interrupt() { ::shutdown(channel_.socket(), SHUT_RD); }

void FrameSocket::Cut() { ::shutdown(channel_.socket(), SHUT_RDWR); }

void FrameSocket::LimitIdle(std::chrono::milliseconds limit) {
  timeval time{};
  time.tv_sec = limit.count() / 1000;
  time.tv_usec = limit.count() % 1000 * 1000;
  ::setsockopt(channel_.socket(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

}  // namespace settle::server
