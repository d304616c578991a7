// How many transactions each owner has that are not decided: a program that begins and never ends
// must not use up the limit that all share.
//
// Counted by identity where one is proved. Where nothing is, the owner is what the caller says of
// itself: this holds back a program with a defect, not one that lies. The SDK names program, host
// and process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "protocol/origin.h"

namespace settle::coordinator {

// What is counted under one key. No identity looks like an owner's.
std::string QuotaKey(const std::string& identity, const std::string& owner);
inline std::string QuotaKey(const Origin& origin) {
  return QuotaKey(origin.identity, origin.owner);
}

// Thread-safe. Memory: one entry for each owner that has any.
class OwnerQuota {
 public:
  explicit OwnerQuota(std::size_t each_max) : each_max_(each_max) {}

  // False: the owner has as many as it may have; 0: as each may have.
  [[nodiscard]] bool Take(const std::string& owner, std::size_t most = 0);
  // One more, however many there are: of what began in an earlier life.
  void TakeBeyond(const std::string& owner);
  void GiveBack(const std::string& owner);  // of what was taken
  std::size_t each_max() const { return each_max_; }
  std::uint64_t refusals() const { return refusals_; }  // since it was made

 private:
  const std::size_t each_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> taken_;
  std::atomic<std::uint64_t> refusals_{0};
};

}  // namespace settle::coordinator
