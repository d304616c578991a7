// Which of the gtids that were given out have not ended, and so how far everything has: the mark by
// which participants throw away what they keep to tell a repeated call.
//
// A saga, and a transaction with reservations, counts from before anybody knows its gtid until its
// end is durable; one that is damaged or quarantined until a person forgets it. Any other
// transaction counts while it is undecided, because until then something may be tried in it. What
// was lost before the log was restored counts until a person says that it was looked after.
#pragma once

#include <algorithm>
#include <atomic>
#include <compare>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

// Everything at or below it, by epoch first, has ended durably.
struct EndedThrough {
  Epoch epoch = 0;
  std::uint64_t sequence = 0;  // 0: all of earlier epochs, and nothing of this one

  friend auto operator<=>(const EndedThrough&, const EndedThrough&) = default;
};

// Thread-safe. Memory: one entry for each that has not ended.
class Unended {
 public:
  // The mark stays below `held_at`, if that is given.
  explicit Unended(Epoch epoch, std::optional<Epoch> held_at = {})
      : epoch_(epoch), held_at_(held_at) {}

  // Sequences that are `at` modulo `of`.
  struct Lane {
    std::uint64_t of = 1;
    std::uint64_t at = 0;
  };
  // The gtid that `make(sequence)` makes of the next sequence in the lane; it has not ended. Those
  // that are passed are never given out. In one step, or a mark taken in between would pass it.
  template <typename Make>
  Gtid GiveOut(const Make& make, const Lane& lane) {
    const std::lock_guard lock(mutex_);
    do {
      ++sequence_;
    } while (sequence_ % lane.of != lane.at);
    Gtid gtid = make(sequence_);
    open_.insert(gtid);
    return gtid;
  }
  // Of an earlier life, read from the log; before anything is given out.
  void Restore(const Gtid& gtid) {
    const std::lock_guard lock(mutex_);
    open_.insert(gtid);
  }
  // It has ended durably, or it never began and never can.
  void End(const Gtid& gtid) {
    const std::lock_guard lock(mutex_);
    open_.erase(gtid);
  }

  // Never falls.
  EndedThrough Through() const {
    const std::lock_guard lock(mutex_);
    EndedThrough through{epoch_, sequence_};
    if (!open_.empty()) through = {open_.begin()->epoch(), open_.begin()->sequence() - 1};
    if (held_at_) through = std::min(through, EndedThrough{*held_at_, 0});
    return through;
  }
  // What holds the mark back; nothing if all has ended.
  std::optional<Gtid> Oldest() const {
    const std::lock_guard lock(mutex_);
    if (open_.empty()) return std::nullopt;
    return *open_.begin();
  }
  std::uint64_t last_sequence() const { return sequence_; }  // of this epoch

 private:
  const Epoch epoch_;
  const std::optional<Epoch> held_at_;
  mutable std::mutex mutex_;
  std::set<Gtid> open_;
  std::atomic<std::uint64_t> sequence_{0};  // changed under the mutex
};

}  // namespace settle::coordinator
