// What comes in on one connection, cut into frames: a length of four bytes, big-endian, then so
// many bytes. A frame is given room as its bytes arrive, not as its length claims, and a connection
// that has nothing half received holds no memory.
//
//   room = frames.Room(scratch); ... receive into it ...; frames.Received(n);
//   while (frame = frames.Next(), frame holds bytes) ...
//   frames.Keep();                                        // before the scratch is used by others
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "settle/vocabulary/status.h"

namespace settle::server {

struct FrameLimits {
  std::size_t frame_bytes_max = 16 * 1024 * 1024;
  std::chrono::milliseconds idle_timeout{600'000};  // between two frames
  std::chrono::milliseconds io_timeout{
      30'000};  // for one whole frame, either way, for the first one, and for a TLS handshake
};

// Of the scratch, and of what a connection may hold without asking the budget.
inline constexpr std::size_t kSmallBuffer = 16 * 1024;
inline constexpr std::size_t kLengthBytes = 4;

// Memory that all connections share for frames beyond their small buffers. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t bytes) : left_(static_cast<std::int64_t>(bytes)) {}
  bool Take(std::size_t bytes);
  void Give(std::size_t bytes) { left_.fetch_add(static_cast<std::int64_t>(bytes)); }

 private:
  std::atomic<std::int64_t> left_;
};

// Used by one thread.
class Frames {
 public:
  Frames(const FrameLimits& limits, MemoryBudget& budget) : limits_(limits), budget_(budget) {}
  ~Frames() { budget_.Give(budgeted_); }
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;

  // Where to receive: the scratch, unless part of a frame is held. kInvalid names a length that is
  // none; kRefused: the memory of all connections is used up.
  [[nodiscard]] Result<std::span<std::uint8_t>> Room(std::span<std::uint8_t> scratch);
  void Received(std::size_t bytes);

  // The next whole frame, valid until Keep or Room; empty: more must come. Errors as Room.
  [[nodiscard]] Result<std::span<std::uint8_t>> Next();

  // Holds what is not handed out yet, and nothing else. Errors as Room.
  [[nodiscard]] Status Keep();

  // Received, and not handed out.
  std::size_t unread() const { return unread_.size(); }
  void Drop();

  static Error NoMemory();  // kRefused

 private:
  Result<std::size_t> FrameLength() const;  // 0 while the four bytes are not there
  Status Grow(std::size_t bytes);
  void Release();

  const FrameLimits& limits_;
  MemoryBudget& budget_;
  std::vector<std::uint8_t> held_;    // its size is its room
  std::span<std::uint8_t> room_{};    // of the latest Room
  std::span<std::uint8_t> unread_{};  // in the scratch, or at the front of held_
  std::size_t budgeted_ = 0;          // of held_, taken from the budget
};

}  // namespace settle::server
