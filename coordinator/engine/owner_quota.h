// How many transactions each owner has that are not decided: a program that begins and never ends
// must not use up the limit that all share.
//
// The owner is what the caller says of itself, as long as callers are not authenticated: this holds
// back a program with a defect, not one that lies. The SDK names program, host and process.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

#include "settle/vocabulary/assertion.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

// Thread-safe. Memory: one entry for each owner that has any.
class OwnerQuota {
 public:
  explicit OwnerQuota(std::size_t each_max) : each_max_(each_max) {}

  // False: the owner has as many as it may have.
  [[nodiscard]] bool Take(const std::string& owner) {
    const std::lock_guard lock(mutex_);
    std::size_t& taken = taken_[owner];
    if (taken >= each_max_) return false;
    ++taken;
    return true;
  }

  // Of what was taken.
  void GiveBack(const std::string& owner) {
    const std::lock_guard lock(mutex_);
    const auto entry = taken_.find(owner);
    SETTLE_ASSERT(entry != taken_.end(), Escaped(owner) + " has none left");
    if (--entry->second == 0) taken_.erase(entry);
  }

 private:
  const std::size_t each_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> taken_;
};

}  // namespace settle::coordinator
