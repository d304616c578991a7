#include "server/frames.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace settle::server {
namespace {

constexpr std::size_t kLeastHeld = 512;

// The first bytes of a client's hello: a handshake record of version 3.x.
bool LooksLikeTls(std::uint32_t length) { return length >> 16 == 0x1603; }

}  // namespace

bool MemoryBudget::Take(std::size_t bytes) {
  const auto wanted = static_cast<std::int64_t>(bytes);
  if (left_.fetch_sub(wanted) >= wanted) return true;
  left_.fetch_add(wanted);
  return false;
}

Result<std::span<std::uint8_t>> Frames::Room(std::span<std::uint8_t> scratch) {
  if (unread_.empty()) return room_ = scratch;
  const Result<std::size_t> length = FrameLength();
  if (!length) return Fail(length.error());
  if (unread_.size() == held_.size()) {
    // Doubling: a peer has to send what it wants us to hold.
    const std::size_t frame = std::max(kSmallBuffer, kLengthBytes + *length);
    if (Status grown = Grow(std::min(2 * held_.size(), frame)); !grown) return Fail(grown.error());
  }
  return room_ = std::span(held_).subspan(unread_.size());
}

void Frames::Received(std::size_t bytes) {
  unread_ = {room_.data() - unread_.size(), unread_.size() + bytes};
}

Result<std::span<std::uint8_t>> Frames::Next() {
  const Result<std::size_t> length = FrameLength();
  if (!length) return Fail(length.error());
  if (*length == 0 || unread_.size() < kLengthBytes + *length) return std::span<std::uint8_t>();
  const std::span<std::uint8_t> frame = unread_.subspan(kLengthBytes, *length);
  unread_ = unread_.subspan(kLengthBytes + *length);
  return frame;
}

Status Frames::Keep() {
  if (unread_.empty()) {
    Release();
    return {};
  }
  if (!held_.empty() && unread_.data() >= held_.data() &&
      unread_.data() < held_.data() + held_.size()) {
    std::memmove(held_.data(), unread_.data(), unread_.size());
  } else {
    if (Status grown = Grow(std::max(kLeastHeld, unread_.size())); !grown) return grown;
    std::memcpy(held_.data(), unread_.data(), unread_.size());
  }
  unread_ = std::span(held_).first(unread_.size());
  return {};
}

Result<std::size_t> Frames::FrameLength() const {
  if (unread_.size() < kLengthBytes) return 0;
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | unread_[i];
  if (length == 0 || length > limits_.frame_bytes_max) {
    return Fail(ErrorCode::kInvalid,
                "a frame of " + std::to_string(length) + " bytes was announced, 1 to " +
                    std::to_string(limits_.frame_bytes_max) + " are allowed",
                LooksLikeTls(length) ? "it speaks TLS, and this address is a plain one"
                                     : "is the peer speaking framed binary Thrift?");
  }
  return length;
}

// What is unread stays at the front, if it is there.
Status Frames::Grow(std::size_t bytes) {
  if (bytes <= held_.size()) return {};
  const std::size_t beyond = bytes > kSmallBuffer ? bytes - kSmallBuffer - budgeted_ : 0;
  if (!budget_.Take(beyond)) return Fail(NoMemory());
  budgeted_ += beyond;
  const bool in_front = unread_.data() == held_.data();
  held_.resize(bytes);
  if (in_front) unread_ = std::span(held_).first(unread_.size());
  return {};
}

void Frames::Release() {
  std::vector<std::uint8_t>().swap(held_);
  budget_.Give(budgeted_);
  budgeted_ = 0;
}

Error Frames::NoMemory() {
  return {ErrorCode::kRefused, "the memory for large frames of all connections is used up",
          "send smaller batches"};
}

void Frames::Drop() {
  unread_ = {};
  Release();
}

}  // namespace settle::server
