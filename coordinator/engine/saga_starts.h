// Which saga each request key began, so that a start whose reply was lost can be repeated.
//
// A key is unique among those of one identity, and among those of all of whom nothing is proved,
// whatever they call themselves: the name that an owner gives itself may change when it restarts,
// and that is just when it repeats a start. Crash-safe without a record of its own:
// the key is in the saga's begin record, which is durable before the saga does anything, and in the
// record of its end. It is known for as long as the log has one of the two (--keep-ended), and here
// at least as long; then a start with it begins another saga.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "engine/saga_calls.h"

namespace settle::coordinator {

// Bytes of a request key.
inline constexpr std::size_t kRequestKeyMax = 64;

// What tells a repeated start from another one. `input` is JSON; written differently it is the
// same.
StartFingerprint FingerprintOf(const saga::Definition& definition, const std::string& input);

// Thread-safe as far as a function does not ask for the lock to be held.
class SagaStarts {
 public:
  // Remembers at least so many keys of sagas that have ended.
  explicit SagaStarts(std::size_t ended_kept) : ended_kept_(ended_kept) {}

  // Held from Find until what Add names is in its shard's queue: whoever finds it comes behind it.
  [[nodiscard]] std::unique_lock<std::mutex> Lock() const { return std::unique_lock(mutex_); }
  // With the lock held.
  const SagaStart* Find(const std::string& identity, const std::string& key) const;
  void Add(SagaStart start);  // with the lock held

  // The saga ended, or if it never began: the key is free.
  void Ended(const std::string& identity, const std::string& key, const Gtid& gtid, bool began);
  // From the log, in the order of their ends if they have ended.
  void Restore(SagaStart start, bool ended);
  bool Has(const std::string& identity, const std::string& key, const Gtid& gtid) const;

 private:
  using Key = std::pair<std::string, std::string>;  // identity, request key

  void NoteEnded(const Key& key, const Gtid& gtid);

  const std::size_t ended_kept_;
  mutable std::mutex mutex_;
  std::map<Key, SagaStart> by_key_;
  std::deque<std::pair<Key, Gtid>> ended_;  // oldest first
};

}  // namespace settle::coordinator
