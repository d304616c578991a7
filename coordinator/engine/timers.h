// The timers of one shard: at most one of each key, cancelled or armed anew at will. Not
// thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/ports.h"

namespace settle::coordinator {

template <typename Key>
class Timers {
 public:
  void Arm(const Key& key, Instant at) {
    Cancel(key);
    at_.emplace(key, at);
    order_.emplace(at, key);
  }

  void Cancel(const Key& key) {
    const auto armed = at_.find(key);
    if (armed == at_.end()) return;
    order_.erase({armed->second, key});
    at_.erase(armed);
  }

  bool IsDue(const Key& key, Instant now) const {
    const auto armed = at_.find(key);
    return armed != at_.end() && armed->second <= now;
  }

  std::optional<Instant> Next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }

  // The earliest timer that is due at `now`, taken out.
  std::optional<Key> TakeDue(Instant now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    Key key = order_.begin()->second;
    Cancel(key);
    return key;
  }

 private:
  std::map<Key, Instant> at_;
  std::set<std::pair<Instant, Key>> order_;
};

}  // namespace settle::coordinator
