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

namespace settle::coordinator {

// Thread-safe. Memory: one entry for each owner that has any.
class OwnerQuota {
 public:
  explicit OwnerQuota(std::size_t each_max) : each_max_(each_max) {}

  // False: the owner has as many as it may have.
  [[nodiscard]] bool Take(const std::string& owner);
  // One more, however many there are: of what began in an earlier life.
  void TakeBeyond(const std::string& owner);
  void GiveBack(const std::string& owner);  // of what was taken

 private:
  const std::size_t each_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> taken_;
};

}  // namespace settle::coordinator
