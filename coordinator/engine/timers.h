// The timers of one shard: at most one of each key, cancelled or armed anew at will. Not
// thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "engine/ports.h"

namespace settle::coordinator {

// Every open transaction has one at least, so the key is kept once for each.
template <typename Key, typename Hash = std::hash<Key>>
class Timers {
 public:
  void Arm(const Key& key, Instant at) {
    const auto [armed, is_new] = at_.try_emplace(key, at);
    if (!is_new) {
      order_.erase(&*armed);
      armed->second = at;
    }
    order_.insert(&*armed);
  }

  void Cancel(const Key& key) {
    const auto armed = at_.find(key);
    if (armed == at_.end()) return;
    order_.erase(&*armed);
    at_.erase(armed);
  }

  bool IsDue(const Key& key, Instant now) const {
    const auto armed = at_.find(key);
    return armed != at_.end() && armed->second <= now;
  }

  std::optional<Instant> Next() const {
    if (order_.empty()) return std::nullopt;
    return (*order_.begin())->second;
  }

  // The earliest timer that is due at `now`, taken out.
  std::optional<Key> TakeDue(Instant now) {
    if (order_.empty() || (*order_.begin())->second > now) return std::nullopt;
    Key key = (*order_.begin())->first;
    Cancel(key);
    return key;
  }

 private:
  using Armed = std::pair<const Key, Instant>;  // in `at_`, where it stays
  struct Earlier {
    bool operator()(const Armed* one, const Armed* other) const {
      if (one->second != other->second) return one->second < other->second;
      return one->first < other->first;
    }
  };

  std::unordered_map<Key, Instant, Hash> at_;
  std::set<const Armed*, Earlier> order_;
};

}  // namespace settle::coordinator
