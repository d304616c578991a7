// One accepted connection that carries frames: a length of four bytes, big-endian, then so many
// bytes. Nothing a peer sends, or does not send, costs more than a bounded time and a bounded
// memory: a frame is given room as its bytes arrive, not as its length claims; and it must be
// whole, whatever trickles in, by a deadline.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "channel/channel.h"
#include "settle/vocabulary/status.h"

namespace settle::server {

struct FrameLimits {
  std::size_t frame_bytes_max = 16 * 1024 * 1024;
  std::chrono::milliseconds idle_timeout{600'000};  // between two frames
  std::chrono::milliseconds io_timeout{
      30'000};  // for one whole frame, either way, for the first one, and for a TLS handshake
};

// Memory that all connections share for frames beyond their small buffers. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t bytes) : left_(static_cast<std::int64_t>(bytes)) {}
  bool Take(std::size_t bytes);
  void Give(std::size_t bytes) { left_.fetch_add(static_cast<std::int64_t>(bytes)); }

 private:
  std::atomic<std::int64_t> left_;
};

// Used by one thread, except Interrupt.
class FrameSocket {
 public:
  // Takes the socket over. The budget must outlive this. No `tls`: plain.
  FrameSocket(int socket, std::shared_ptr<const channel::TlsMaterial> tls,
              const FrameLimits& limits, MemoryBudget& budget);
  ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Once, before anything else; nothing when plain. Blocking, at most the io time-out, and a moment
  // for the peer to hear why it is refused. Errors as Read.
  [[nodiscard]] Status Handshake();
  // What the peer's certificate names it (channel::NamesOf).
  std::vector<std::string> peer_names() const { return channel_.peer_names(); }
  bool encrypted() const { return channel_.encrypted(); }

  // The next frame's bytes, valid until the next call. Blocking. After an error the connection is
  // to be closed: kUnavailable is the ordinary end (the peer is gone or idle for too long),
  // kInvalid and kRefused name what the peer did wrong.
  [[nodiscard]] Result<std::span<std::uint8_t>> Read();

  // Sends bytes that begin with their frame's length. Blocking, at most the io time-out.
  [[nodiscard]] Status Write(std::span<const std::uint8_t> bytes);

  // Ends a Read that waits for a frame; what is being written still goes out. From any thread.
  void Interrupt();
  // Ends every wait, also that of a Write. From any thread.
  void Cut();

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  std::size_t buffered() const { return end_ - begin_; }
  void DropLastFrame();
  Result<std::size_t> FrameLength() const;  // 0 while the four bytes are not there
  Status MakeRoom(std::size_t frame_bytes);
  std::span<std::uint8_t> room() { return std::span(buffer_).subspan(end_); }
  Status WaitForFirstByte();
  Status WaitForMore(Deadline deadline);
  bool Poll(channel::Step::Kind what, Deadline deadline);
  Status TakeReceived(const channel::Step& step);
  void LetItHearWhy();
  void LimitIdle(std::chrono::milliseconds limit);

  channel::Channel channel_;
  const FrameLimits limits_;
  MemoryBudget& budget_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;  // of what was received and not handed out
  std::size_t end_ = 0;
  std::size_t last_frame_ = 0;  // bytes handed out by the latest Read, its length's four included
  std::size_t budgeted_ = 0;    // of the buffer, taken from the budget
  bool greeted_ = false;        // a whole frame has come
};

}  // namespace settle::server
